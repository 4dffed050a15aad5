// How a model marks its reasoning and its tool calls, found from its chat template and not from its name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace quandex {

// <think> and </think>, or what the family has instead. Some mark the answer too; those marks are markup.
struct ReasoningTags {
  std::string open, close;
  std::vector<std::string> answer_opens;  // where the answer begins, behind the reasoning or without it; may be none
  std::string answer_close;               // "": the answer ends where the text does
  bool operator==(const ReasoningTags&) const = default;
};

enum class ToolSyntax : uint8_t {
  none,           // the template has no tool calls
  tagged_json,    // <tool_call>{"name": …, "arguments": …}</tool_call>, any number of them (Hermes, Qwen)
  llama3_json,    // the whole message is {"name": …, "parameters": …}; behind <|python_tag|> also name.call(key="…")
  mistral_array,  // [TOOL_CALLS][{"name": …, "arguments": …}, …]
  mistral_named,  // [TOOL_CALLS]name[ARGS]{…}, any number of them; [CALL_ID]id may stand before [ARGS]
  unsupported     // another one: calls stay content
};
std::string_view tool_syntax_name(ToolSyntax syntax);

struct ChatFormat {
  std::optional<ReasoningTags> reasoning;
  ToolSyntax tools = ToolSyntax::none;
  std::string unsupported_tools;  // where unsupported: a call as the template writes it, for messages; may be ""
};

// The first tags of a table of known ones that stand in a template's text; nothing where it has none of them.
std::optional<ReasoningTags> find_reasoning_tags(const std::vector<std::string>& sources);

// The syntax in which our own parser reads exactly this call out of the text that a template has written for it;
// `unsupported` where it cannot.
ToolSyntax find_tool_syntax(std::string_view text, std::string_view name, const Json& arguments);

// What the end of a prompt says about the text that follows it.
enum class PromptEnd : uint8_t {
  plain,          // the model decides whether it thinks
  in_reasoning,   // the prompt has opened the tag (DeepSeek-R1, QwQ)
  past_reasoning  // the prompt has closed it (enable_thinking: false)
};
PromptEnd prompt_end(const ChatFormat& format, std::string_view prompt);

// Control tokens among the markers. Detokenizer drops control tokens unless told to show these (Detokenizer::show).
std::vector<int32_t> marker_tokens(const ChatFormat& format, const Tokenizer& tokenizer);

}  // namespace quandex
