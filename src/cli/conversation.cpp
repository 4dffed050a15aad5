#include "cli/conversation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/shown.h"
#include "text/chat/chat_input.h"

namespace quandex::cli {
namespace {

constexpr const char* kStoppedMark = "stopped";

bool has_role(const Json& message, std::string_view role) {
  return message.at("role").get_ref<const std::string&>() == role;
}

bool is_system(const Json& message) { return has_role(message, "system") || has_role(message, "developer"); }

}  // namespace

Conversation::Conversation(const Json& messages) {
  check_messages(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json& message = messages[i];
    if (is_system(message)) {
      if (i != 0)
        throw Error(ErrorCode::invalid_argument, "messages[{}]: found role {}, which only the first message may have",
                    i, shown(message.at("role").get_ref<const std::string&>()));
      system_ = message;
      continue;
    }
    if (turns_.empty() || has_role(message, "user")) turns_.emplace_back();
    turns_.back().push_back(message);
  }
}

Json Conversation::messages() const {
  Json all = Json::array();
  if (system_) all.push_back(*system_);
  for (const Turn& turn : turns_)
    for (const Json& message : turn) all.push_back(message);
  return all;
}

Json Conversation::sent() const {
  Json some = Json::array();
  if (system_) some.push_back(*system_);
  for (size_t i = static_cast<size_t>(first_sent_); i < turns_.size(); ++i) {
    for (const Json& message : turns_[i]) {
      some.push_back(message);
      some.back().erase(kStoppedMark);
    }
  }
  return some;
}

void Conversation::set_system(std::string_view text) {
  system_.reset();
  if (!text.empty()) system_ = Json{{"role", "system"}, {"content", text}};
}

void Conversation::clear() {
  turns_.clear();
  first_sent_ = 0;
}

void Conversation::add_user(std::string_view text) { turns_.push_back({Json{{"role", "user"}, {"content", text}}}); }

void Conversation::add_answer(Json message, bool is_stopped) {
  CHECK(!turns_.empty());
  if (is_stopped) message[kStoppedMark] = true;
  turns_.back().push_back(std::move(message));
}

void Conversation::remove_answer() {
  if (has_answer()) turns_.back().resize(1);
}

bool Conversation::has_question() const { return !turns_.empty() && has_role(turns_.back().front(), "user"); }

bool Conversation::has_answer() const { return has_question() && turns_.back().size() > 1; }

namespace {

// As few of the oldest turns as leave at most `most_tokens`, or all but the last. By halves, since to count is to
// render and tokenize all that is left.
void drop_oldest(ContextFit& fit, int n_turns, int most_tokens, FunctionRef<int(int first_sent)> count) {
  int too_early = fit.first_sent, enough = n_turns - 1;  // turns to send from
  if (fit.n_tokens <= most_tokens) return;
  const auto try_from = [&](int turn) {
    fit = {.first_sent = turn, .n_tokens = count(turn)};
    (fit.n_tokens <= most_tokens ? enough : too_early) = turn;
  };
  while (too_early + 1 < enough) try_from(too_early + (enough - too_early) / 2);
  if (fit.first_sent < enough) try_from(enough);
}

}  // namespace

ContextFit fit_context(const Conversation& conversation, OverflowPolicy policy, int n_ctx, int max_tokens,
                       FunctionRef<int(int first_sent)> count) {
  ContextFit fit{.first_sent = conversation.first_sent(), .n_tokens = count(conversation.first_sent())};
  if (policy == OverflowPolicy::drop_oldest) {
    const int quarter = n_ctx / 4;
    const int room = max_tokens > 0 ? std::min(max_tokens, quarter) : quarter;
    if (fit.n_tokens > n_ctx - room) drop_oldest(fit, conversation.n_turns(), n_ctx - room - quarter, count);
  }
  fit.fits = fit.n_tokens < n_ctx;
  return fit;
}

}  // namespace quandex::cli
