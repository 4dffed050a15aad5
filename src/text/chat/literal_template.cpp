#include "text/chat/literal_template.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/shown.h"
#include "text/qwen3c_vocabulary.h"

namespace quandex {
namespace {

constexpr std::string_view kSlot = "%s";
constexpr std::string_view kEndOfTurn = "<|im_end|>\n";  // of Qwen3

size_t index_of(bool has_system, bool thinks) { return (has_system ? 2U : 0U) + (thinks ? 1U : 0U); }

size_t count_slots(std::string_view text) {
  size_t n = 0;
  for (size_t at = text.find(kSlot); at != std::string_view::npos; at = text.find(kSlot, at + kSlot.size())) ++n;
  return n;
}

std::string fill(std::string_view text, std::span<const std::string> values) {
  std::string filled;
  for (const std::string& value : values) {
    const size_t slot = text.find(kSlot);
    filled.append(text.substr(0, slot)).append(value);
    text.remove_prefix(slot + kSlot.size());
  }
  return filled.append(text);
}

struct Turn {
  std::string user;
  std::string answer;  // of a turn that is over
};
struct Conversation {
  std::optional<std::string> system;
  std::vector<Turn> turns;
  bool is_answered = true;  // so is the last turn
};

std::string content_of(const Json& message) {
  if (message.contains("content") && message["content"].is_string()) return message["content"].get<std::string>();
  throw Error(ErrorCode::invalid_argument,
              "qwen3.c's prompt texts take messages of text only, but one of the role {} has none",
              shown(message["role"].get_ref<const std::string&>()));
}

Conversation read_conversation(const Json& messages) {
  Conversation conversation;
  bool& is_answered = conversation.is_answered;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string role = messages[i]["role"].get<std::string>();
    const std::string content = content_of(messages[i]);
    if (i == 0 && role == "system") {
      conversation.system = content;
    } else if (role == (is_answered ? "user" : "assistant")) {
      if (is_answered) conversation.turns.emplace_back();
      (is_answered ? conversation.turns.back().user : conversation.turns.back().answer) = content;
      is_answered = !is_answered;
    } else {
      throw Error(ErrorCode::invalid_argument,
                  "messages[{}].role: found {}, expected {}: qwen3.c's prompt texts know an "
                  "optional system message, then user and assistant in turn",
                  i, shown(role), is_answered ? "user" : "assistant");
    }
  }
  return conversation;
}

}  // namespace

std::optional<LiteralTemplate> LiteralTemplate::find(const Metadata& metadata) {
  LiteralTemplate found;
  bool has_any = false;
  for (size_t i = 0; i < found.texts_.size(); ++i) {
    const Qwen3cTemplate& entry = qwen3c_templates()[i];
    if (!metadata.has(entry.key)) continue;
    const std::string& text = metadata.string(entry.key);
    const size_t n_expected = i < 2 ? 1 : 2;
    if (count_slots(text) != n_expected)
      throw Error(ErrorCode::invalid_file, "{}: {} has {} places %s, expected {}", metadata.source(), entry.key,
                  count_slots(text), n_expected);
    found.texts_[i] = text;
    has_any = true;
  }
  if (!has_any) return std::nullopt;
  found.source_ = metadata.source();
  found.is_qwen3_ = metadata.string("quandex.template.family", "") == "qwen3";
  return found;
}

const std::string& LiteralTemplate::text(bool has_system, bool thinks) const {
  const auto& text = texts_[index_of(has_system, thinks)];
  if (!text)
    throw Error(ErrorCode::not_found, "{}: has no prompt text {} a system prompt and {} thinking (the file '{}')",
                source_, has_system ? "with" : "without", thinks ? "with" : "without",
                qwen3c_templates()[index_of(has_system, thinks)].suffix);
  return *text;
}

std::string LiteralTemplate::render(const ChatInput& input) const {
  if (!input.tools.is_null() && !input.tools.empty())
    throw Error(ErrorCode::invalid_argument, "qwen3.c's prompt texts have no place for tools");
  const Conversation conversation = read_conversation(input.messages);
  const bool is_answered = conversation.is_answered;
  if (conversation.turns.empty() || (is_answered && input.add_generation_prompt))
    throw Error(ErrorCode::invalid_argument,
                "messages: qwen3.c's prompt texts expect a message of the user at the end");
  if (!is_answered && !input.add_generation_prompt)
    throw Error(ErrorCode::invalid_argument, "qwen3.c's prompt texts always end where the answer begins");
  const bool thinks = input.enable_thinking.value_or(true);
  if ((conversation.turns.size() > 1 || is_answered) && !is_qwen3_)
    throw Error(ErrorCode::unsupported,
                "{}: its prompt texts are not those of Qwen3 and do not say how an answer ends, so "
                "earlier turns cannot be put into the prompt; name a template instead",
                source_);
  std::string prompt;
  for (size_t i = 0; i < conversation.turns.size(); ++i) {
    const bool is_over = is_answered || i + 1 < conversation.turns.size();
    const bool has_system = i == 0 && conversation.system.has_value();
    std::vector<std::string> values;
    if (has_system) values.push_back(*conversation.system);
    values.push_back(conversation.turns[i].user);
    prompt += fill(text(has_system, is_over || thinks), values);
    if (is_over) prompt.append(conversation.turns[i].answer).append(kEndOfTurn);
  }
  return prompt;
}

std::vector<std::string> LiteralTemplate::sources() const {
  std::vector<std::string> sources;
  for (const auto& text : texts_)
    if (text) sources.push_back(*text);
  return sources;
}

}  // namespace quandex
