#include "cli/chat_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "cli/terminal.h"
#include "cli/timeline.h"
#include "cli/token_reuse.h"
#include "text/chat/chat_format.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_parser.h"
#include "text/chat/named_templates.h"
#include "text/detokenizer.h"

namespace quandex::cli {
namespace {

// The tokens that need no computing, as far as is known without the engine.
int n_known(std::span<const int32_t> prompt, std::span<const int32_t> computed) {
  const auto end = std::ranges::mismatch(prompt, computed).in1;
  return static_cast<int>(end - prompt.begin()) / kBlockSize * kBlockSize;
}

}  // namespace

struct ChatModel::Opened {
  Checkpoint checkpoint;
  std::unique_ptr<Tokenizer> tokenizer;
  ChatTemplate chat_template;
};

ChatModel::Opened ChatModel::open(const std::string& path, std::string_view template_choice) {
  Checkpoint checkpoint = open_model(path, NeedsTokenizer::yes);
  std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(checkpoint.metadata());
  const Metadata& metadata = checkpoint.metadata();
  std::optional<ChatTemplate> chat_template = template_choice.empty()
                                                  ? ChatTemplate::find(metadata, *tokenizer)
                                                  : ChatTemplate::named(template_choice, metadata, *tokenizer);
  if (!chat_template)
    throw Error(ErrorCode::not_found,
                "{}: the model has no chat template and none is guessed: give --template FILE, or one of {}; or use "
                "quandex generate, which needs none",
                path, named_template_list());
  return {std::move(checkpoint), std::move(tokenizer), std::move(*chat_template)};
}

ChatModel::ChatModel(const ModelOptions& options, std::string_view template_choice)
    : ChatModel(options, open(options.path, template_choice)) {
  has_own_template_ = template_choice.empty();
}

ChatModel::ChatModel(const ModelOptions& options, Opened opened)
    : session_(options, {}, std::move(opened.checkpoint), std::move(opened.tokenizer)),
      template_(std::move(opened.chat_template)) {}

std::string ChatModel::name() const {
  const std::string file = session_.checkpoint().path().filename().string();
  return session_.checkpoint().metadata().string("general.name", file);
}

void ChatModel::set_tools(Json tools) {
  if (!template_.abilities().tools)
    throw Error(ErrorCode::unsupported, "{}: this chat template has no place for tools", template_.name());
  tools_ = std::move(tools);
}

void ChatModel::check(const ChatSettings& settings, const Conversation& conversation) const {
  if (settings.thinks && template_.abilities().thinking_switch.empty())
    throw Error(ErrorCode::unsupported, "{}: this chat template has no switch for thinking", template_.name());
  if (conversation.system() && !template_.abilities().system)
    throw Error(ErrorCode::unsupported, "{}: this chat template has no place for a system message", template_.name());
}

Prompt ChatModel::prompt(const Json& messages, const ChatSettings& settings, bool asks_for_answer) const {
  ChatInput input;
  input.messages = messages;
  input.tools = tools_;
  input.add_generation_prompt = asks_for_answer;
  input.enable_thinking = settings.thinks;
  Prompt prompt{template_.render(input), {}};
  prompt.tokens = with_computed_tokens(tokenizer(), encode_chat(tokenizer(), prompt.text), computed_);
  return prompt;
}

Answer ChatModel::answer(const Prompt& prompt, const ChatSettings& settings, OnDelta on_delta) {
  Answer answer;
  Request request;
  request.prompt = prompt.tokens;
  request.sampling = settings.sampling;
  request.sampling.seed = answer.seed = settings.seed ? static_cast<uint64_t>(*settings.seed) : random_seed();
  request.max_tokens = settings.most_tokens(n_ctx());
  request.stop_ids = tokenizer().special().stop_ids;
  Detokenizer detokenizer(tokenizer(), stops_, false, /*at_start_of_text=*/true);
  detokenizer.show(marker_tokens(template_.format(), tokenizer()));
  ChatParser parser(template_.format(), {.prompt_end = prompt_end(template_.format(), prompt.text),
                                         .has_tools = !tools_.is_null(),
                                         .id_seed = n_answers_++});
  bool is_wanted = true;
  const auto pass_on = [&](const ChatDelta& delta) {
    answer.result.add(delta);
    if (is_wanted && !delta.parts.empty()) is_wanted = on_delta(delta);
  };
  run(std::move(request), answer, [&](int32_t token) {
    pass_on(parser.push(detokenizer.push(token)));
    return is_wanted && !detokenizer.is_stopped() && interruption() == 0;
  });
  pass_on(parser.push(detokenizer.finish()));
  pass_on(parser.finish());
  if (detokenizer.is_stopped()) answer.end = AnswerEnd::finished;
  return answer;
}

void ChatModel::run(Request request, Answer& answer, FunctionRef<bool(int32_t token)> on_token) {
  const int max_tokens = request.max_tokens;
  const int n_prompt = answer.n_prompt = static_cast<int>(request.prompt.size());
  const int n_new = n_prompt - n_known(request.prompt, computed_);
  computed_ = request.prompt;
  Timeline timeline;
  Engine& engine = session_.engine();
  const uint64_t n_before = engine.counters().n_computed_tokens;
  std::optional<ProgressBar> progress;
  progress.emplace("reading", ProgressBar::Unit::steps);
  std::optional<Error> failure;
  const uint64_t id = engine.submit(std::move(request));
  const auto on_event = [&](uint64_t, const Event& event) {
    if (const auto* error = std::get_if<Error>(&event)) failure = *error;
    if (const auto* finished = std::get_if<Finished>(&event)) {
      if (finished->reason == FinishReason::stop) timeline.note_token();
      answer.n_cached = finished->n_cached;
      answer.n_generated = finished->n_output;
      answer.end = finished->reason == FinishReason::stop        ? AnswerEnd::finished
                   : finished->reason == FinishReason::cancelled ? AnswerEnd::interrupted
                   : finished->n_output == max_tokens            ? AnswerEnd::max_tokens
                                                                 : AnswerEnd::context_full;
    }
    const auto* token = std::get_if<Token>(&event);
    if (!token) return true;
    progress.reset();
    timeline.note_token();
    computed_.push_back(token->id);
    return on_token(token->id);
  };
  while (engine.step(on_event)) {
    if (interruption() != 0) engine.cancel(id);
    if (progress) progress->update(engine.counters().n_computed_tokens - n_before, static_cast<uint64_t>(n_new));
  }
  if (failure) throw *failure;
  answer.prefill_seconds = timeline.prefill_seconds();
  answer.decode_seconds = timeline.decode_seconds();
}

}  // namespace quandex::cli
