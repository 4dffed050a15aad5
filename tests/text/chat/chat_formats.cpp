#include "text/chat/chat_formats.h"

namespace quandex::testing {
namespace {

const std::vector<std::string> kQwen = {
    "Hello there.",
    "<think>\nThe user greets.\nI greet.\n</think>\n\nHello! 海😀",
    "<think>\n\n</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.50, \"}\\\"\"]}}\n</tool_call>",
    "I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", "
    "\"arguments\": {\"t\": \"</tool_call>\"}}\n</tool_call>\n",
    "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call> done",
    "<tool_call>\n<tool_call>\n{\"name\":\"f\",\"parameters\":{}}\n",
    "<think>no end <thin </thin </think",
    "\n <think>a</think>\n<think>b</think>\n\n  code <think>c</think>",
    "<tool_call>{'name': 'f'}</tool_call>",
    "a < b <tool_calls <tool_call",
    "<tool_call>{\"name\": \"f\", \"arguments\": {}} trailing</tool_call>",
    "<tool_call>{\"name\": \"f\"}\n<tool_call>{\"name\": \"g\"}</tool_",
    "</think>stray <think>",
};

const std::vector<std::string> kLlama = {
    "{\"name\": \"f\", \"parameters\": {\"q\": \"x\"}}",
    "\n{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {\"n\": 1e3}}\n",
    "{\"name\": \"f\", \"parameters\": {}} and more",
    "{\"name\": \"f\"}",
    "{\"answer\": 42}",
    "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"q\": 1}}",
    "text <|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}; tail",
    "<|python_tag|>print(1)",
    "<|python_tag|>brave_search.call(query=\"a, \\\"b\\\" = )\", n=[1, {\"k\": 2}]) tail",
    "<|python_tag|>f.call(a='b')",
    "<|python_tag|>f.call(a=\"b\"",
    "{\"name\": \"f\", \"param",
    "{}{}",
};

const std::vector<std::string> kMistral = {
    "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", \"arguments\": {}, \"id\": "
    "\"abcDEF123\"}]",
    "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]\n",
    "Sure.[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Köln\"}[TOOL_CALLS]h[CALL_ID]123456789[ARGS]{}",
    "[TOOL_CALLS]f[ARGS]{\"a\": }",
    "[TOOL_CALLS]f[ARG",
    "[TOOL_CALLS]f g[ARGS]{}",
    "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}, {\"nome\": \"g\"}]",
    "[TOOL_CALLS][]",
    "[THINK]a[TOOL_CALLS]f[ARGS]{}[/THINK]b [x] [TOOL_CALL [TOOL_CALLS",
};

const std::vector<std::string> kHarmony = {
    "<|channel|>analysis<|message|>Think.<|end|><|start|>assistant<|channel|>final<|message|>Answer.",
    "<|channel|>final<|message|>Answer <|channel|>analysis<|message|>.",
    "<|channel|>analysis<|message|>One<|end|><|start|>assistant<|channel|>analysis<|message|>Two<|end|>",
    "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}",
};

const std::vector<std::string> kResponse = {
    "<think>a</think>\n<response>\nb\n</response>\n",
    "<think>a</think><response>b</response> c</response>",
    "plain </response",
};

}  // namespace

std::vector<FormatCase> format_cases() {
  using enum ToolSyntax;
  const ChatParserOptions tools = {.has_tools = true};
  ChatParserOptions opened = tools, closed = tools;
  opened.prompt_end = PromptEnd::in_reasoning;
  closed.prompt_end = PromptEnd::past_reasoning;
  const ChatFormat qwen = think_format(tagged_json);
  const ChatFormat think_bracket = {
      .reasoning = ReasoningTags{"[THINK]", "[/THINK]", {}, ""}, .tools = mistral_named, .unsupported_tools = {}};
  const std::string final_mark = "<|channel|>final<|message|>";
  const ReasoningTags harmony = {
      "<|channel|>analysis<|message|>",
      "<|end|>",
      {final_mark, "<|start|>assistant" + final_mark, "<|start|>assistant<|channel|>analysis<|message|>"},
      ""};
  return {{"qwen3", qwen, tools, kQwen},
          {"qwen3 without tools", qwen, {}, kQwen},
          {"qwq", qwen, opened, kQwen},
          {"qwen3, thinking off", qwen, closed, kQwen},
          {"qwen2.5", {std::nullopt, tagged_json, {}}, tools, kQwen},
          {"llama3", {std::nullopt, llama3_json, {}}, tools, kLlama},
          {"mistral", {std::nullopt, mistral_array, {}}, tools, kMistral},
          {"magistral", think_bracket, tools, kMistral},
          {"gpt-oss", {harmony, unsupported, "…"}, tools, kHarmony},
          {"granite", {ReasoningTags{"<think>", "</think>", {"<response>"}, "</response>"}, none, {}}, {}, kResponse}};
}

}  // namespace quandex::testing
