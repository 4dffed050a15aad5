#include "text/chat/chat_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/chat/call_reader.h"
#include "text/chat/chat_parser.h"

namespace quandex {
namespace {

struct KnownTags {
  std::vector<std::string> evidence;  // all of these stand in the template
  ReasoningTags tags;
};

// The first that fits. Templates that only cut past reasoning out of the history have nothing but the closing tag.
const std::vector<KnownTags>& known_tags() {
  static const std::string final_mark = "<|channel|>final<|message|>", analysis = "<|channel|>analysis<|message|>";
  static const std::vector<KnownTags> known = {
      {{analysis}, {analysis, "<|end|>", {final_mark, "<|start|>assistant" + final_mark}, ""}},  // gpt-oss
      {{"<|channel>thought"}, {"<|channel>thought\n", "<channel|>", {}, ""}},                    // Gemma 4
      {{"<|START_THINKING|>", "<|START_RESPONSE|>"},                                             // Command R7B, A
       {"<|START_THINKING|>", "<|END_THINKING|>", {"<|START_RESPONSE|>"}, "<|END_RESPONSE|>"}},
      {{"<|START_THINKING|>", "<|START_TEXT|>"},
       {"<|START_THINKING|>", "<|END_THINKING|>", {"<|START_TEXT|>"}, "<|END_TEXT|>"}},
      {{"<|inner_prefix|>"}, {"<|inner_prefix|>", "<|inner_suffix|>", {}, ""}},  // Apertus
      {{"[BEGIN FINAL RESPONSE]", "Here are my reasoning steps:\\n"},            // Apriel 1.6
       {"Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]", {}, "[END FINAL RESPONSE]"}},
      {{"[BEGIN FINAL RESPONSE]"}, {"", "[BEGIN FINAL RESPONSE]", {}, "[END FINAL RESPONSE]"}},  // Apriel 1.5
      {{"[/THINK]"}, {"[THINK]", "[/THINK]", {}, ""}},                                       // Magistral, Ministral 3
      {{"</seed:think>"}, {"<seed:think>", "</seed:think>", {}, ""}},                        // Seed-OSS
      {{"</think>", "<response>"}, {"<think>", "</think>", {"<response>"}, "</response>"}},  // Granite 3
      {{"</think>"}, {"<think>", "</think>", {}, ""}},  // Qwen, DeepSeek, GLM and most others
      {{"</thinking>"}, {"<thinking>", "</thinking>", {}, ""}},
      {{"</reasoning>"}, {"<reasoning>", "</reasoning>", {}, ""}},
      {{"</thought>"}, {"<thought>", "</thought>", {}, ""}}};
  return known;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::vector<std::string> markers_of(const ChatFormat& format) {
  std::vector<std::string> markers;
  if (format.reasoning) {
    markers = format.reasoning->answer_opens;
    markers.insert(markers.end(), {format.reasoning->open, format.reasoning->close, format.reasoning->answer_close});
  }
  const auto add = [&](std::initializer_list<std::string_view> texts) {
    markers.insert(markers.end(), texts.begin(), texts.end());
  };
  if (format.tools == ToolSyntax::tagged_json) add({kToolCallOpen, kToolCallClose});
  if (format.tools == ToolSyntax::llama3_json) add({kPythonTag});
  if (format.tools == ToolSyntax::mistral_array || format.tools == ToolSyntax::mistral_named)
    add({kMistralCalls, kMistralId, kMistralArgs});
  return markers;
}

std::string_view without_space_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);  // npos + 1 is 0
}

}  // namespace

std::string_view tool_syntax_name(ToolSyntax syntax) {
  switch (syntax) {
    case ToolSyntax::none:
      return "none";
    case ToolSyntax::tagged_json:
      return "tagged_json";
    case ToolSyntax::llama3_json:
      return "llama3_json";
    case ToolSyntax::mistral_array:
      return "mistral_array";
    case ToolSyntax::mistral_named:
      return "mistral_named";
    case ToolSyntax::unsupported:
      return "unsupported";
  }
  return "";
}

std::optional<ReasoningTags> find_reasoning_tags(const std::vector<std::string>& sources) {
  for (const KnownTags& known : known_tags())
    for (const std::string& source : sources)
      if (std::ranges::all_of(known.evidence, [&](const std::string& mark) { return has(source, mark); }))
        return known.tags;
  return std::nullopt;
}

ToolSyntax find_tool_syntax(std::string_view text, std::string_view name, const Json& arguments) {
  for (const ToolSyntax syntax : {ToolSyntax::tagged_json, ToolSyntax::mistral_array, ToolSyntax::llama3_json}) {
    const ChatFormat format{.reasoning = std::nullopt, .tools = syntax, .unsupported_tools = {}};
    const ChatResult result = parse_chat(format, {.has_tools = true}, text);
    const bool is_read = result.tool_calls.size() == 1 && result.tool_calls[0].name == name &&
                         parse_json(result.tool_calls[0].arguments, "arguments") == arguments;
    if (!is_read) continue;
    const bool is_named = syntax == ToolSyntax::mistral_array && has(text, kMistralArgs);
    return is_named ? ToolSyntax::mistral_named : syntax;
  }
  return ToolSyntax::unsupported;
}

PromptEnd prompt_end(const ChatFormat& format, std::string_view prompt) {
  if (!format.reasoning) return PromptEnd::plain;
  const std::string_view end = without_space_at_end(prompt);
  if (end.ends_with(without_space_at_end(format.reasoning->close))) return PromptEnd::past_reasoning;
  return end.ends_with(without_space_at_end(format.reasoning->open)) ? PromptEnd::in_reasoning : PromptEnd::plain;
}

std::vector<int32_t> marker_tokens(const ChatFormat& format, const Tokenizer& tokenizer) {
  std::vector<int32_t> tokens;
  for (const std::string& marker : markers_of(format))
    for (const int32_t token : tokenizer.encode(marker, true))
      if (tokenizer.is_control(token)) tokens.push_back(token);
  std::ranges::sort(tokens);
  const auto repeated = std::ranges::unique(tokens);
  tokens.erase(repeated.begin(), repeated.end());
  return tokens;
}

}  // namespace quandex
