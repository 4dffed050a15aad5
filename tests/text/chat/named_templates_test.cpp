#include "text/chat/named_templates.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

Json said(const char* role, const char* content) { return {{"role", role}, {"content", content}}; }

const Json kSystem = said("system", "Be brief."), kHi = said("user", "Hi"), kHello = said("assistant", "Hello."),
           kBye = said("user", "Bye");

ChatTemplate from_source(std::string_view source, std::string name) {
  return ChatTemplate::from_source(std::string(source), std::move(name),
                                   Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}
ChatTemplate named(std::string_view name) { return from_source(find_named_template(name)->source, std::string(name)); }

// The text, or "refused".
std::string render(const ChatTemplate& chat, Json::array_t messages, Json tools = nullptr,
                   std::optional<bool> thinking = {}) {
  ChatInput input;
  input.messages = std::move(messages);
  input.tools = std::move(tools);
  input.enable_thinking = thinking;
  try {
    return chat.render(input);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    return "refused";
  }
}

Json calls() {
  Json message = said("assistant", "");
  const Json f = {{"name", "f"}, {"arguments", {{"a", 1}}}}, g = {{"name", "g"}, {"arguments", Json::object()}};
  message["tool_calls"] = Json::array({{{"id", "abcdefghi"}, {"type", "function"}, {"function", f}},
                                       {{"id", "abcdefghj"}, {"type", "function"}, {"function", g}}});
  return message;
}
Json result(const char* content, const char* id) {
  Json message = said("tool", content);
  message["tool_call_id"] = id;
  return message;
}
Json tools() {
  return Json::array({{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", {{"type", "object"}}}}}}});
}

TEST(NamedTemplates, a_conversation_of_each_is_the_text_that_the_format_prescribes) {
  const std::map<std::string_view, std::string> expected = {
      {"alpaca",
       "<s>Be brief.\n\n### Instruction:\nHi\n\n### Response:\nHello.</s>\n\n### Instruction:\nBye\n\n### Response:\n"},
      {"chatml",
       "<|im_start|>system\nBe "
       "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
       "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
      {"deepseek", "<s>Be brief.<｜User｜>Hi<｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>"},
      {"deepseek-r1",
       "<s>Be brief.<｜User｜>Hi<｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think>\n"},
      {"gemma",
       "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
       "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"},
      {"llama2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] Bye [/INST]"},
      {"llama3",
       "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
      {"mistral-nemo", "<s>[INST]Hi[/INST]Hello.</s>[INST]Be brief.\n\nBye[/INST]"},
      {"mistral-v1", "<s> [INST] Be brief.\n\nHi [/INST] Hello.</s> [INST] Bye [/INST]"},
      {"mistral-v3", "<s>[INST] Hi[/INST] Hello.</s>[INST] Be brief.\n\nBye[/INST]"},
      {"mistral-v7", "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi[/INST]Hello.</s>[INST]Bye[/INST]"},
      {"phi3",
       "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nBye<|end|>\n"
       "<|assistant|>\n"},
      {"qwen3",
       "<|im_start|>system\nBe "
       "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
       "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
      {"vicuna", "<s>Be brief. USER: Hi ASSISTANT: Hello.</s>USER: Bye ASSISTANT:"},
      {"zephyr",
       "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye</s>\n<|assistant|>\n"}};
  EXPECT_EQ(named_templates().size(), expected.size());
  for (const NamedTemplate& item : named_templates()) {
    ASSERT_TRUE(expected.contains(item.name)) << item.name;
    EXPECT_EQ(render(named(item.name), {kSystem, kHi, kHello, kBye}), expected.at(item.name)) << item.name;
    EXPECT_TRUE(named(item.name).abilities().system) << item.name;
  }
}

TEST(NamedTemplates, what_a_format_has_no_place_for_is_refused) {
  const Json dev = said("developer", "x");
  for (const NamedTemplate& item : named_templates()) {
    const ChatTemplate chat = named(item.name);
    const bool has_tools = chat.abilities().tools;
    EXPECT_EQ(render(chat, {kHi}, tools()) == "refused", !has_tools) << item.name;
    EXPECT_EQ(render(chat, {kHi, calls(), result("x", "abcdefghi")}) == "refused", !has_tools) << item.name;
    EXPECT_EQ(render(chat, {kHi, dev}), "refused") << item.name;
    EXPECT_EQ(chat.format().tools == ToolSyntax::none, !has_tools) << item.name;
  }
  EXPECT_EQ(named_template_list().substr(0, 16), "alpaca, chatml, ");
  EXPECT_EQ(find_named_template("chatlm"), nullptr);
}

TEST(NamedTemplates, mistral_writes_calls_and_results_as_its_versions_prescribe) {
  const std::string list =
      "[{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"abcdefghi\"}, {\"name\": \"g\", "
      "\"arguments\": {}, \"id\": \"abcdefghj\"}]</s>";
  const std::string offered =
      "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": "
      "\"object\"}}}][/AVAILABLE_TOOLS]";
  const Json::array_t messages = {kHi, calls(), result("x", "abcdefghi"), result("y", "abcdefghj"), kHello};
  EXPECT_EQ(render(named("mistral-v3"), messages, tools()),
            "<s>[AVAILABLE_TOOLS] " + offered + "[INST] Hi[/INST][TOOL_CALLS] " + list +
                "[TOOL_RESULTS] {\"content\": \"x\", \"call_id\": \"abcdefghi\"}[/TOOL_RESULTS]"
                "[TOOL_RESULTS] {\"content\": \"y\", \"call_id\": \"abcdefghj\"}[/TOOL_RESULTS] Hello.</s>");
  EXPECT_EQ(render(named("mistral-nemo"), messages, tools()),
            "<s>[AVAILABLE_TOOLS]" + offered + "[INST]Hi[/INST][TOOL_CALLS]" + list +
                "[TOOL_RESULTS]{\"content\": \"x\", \"call_id\": \"abcdefghi\"}[/TOOL_RESULTS]"
                "[TOOL_RESULTS]{\"content\": \"y\", \"call_id\": \"abcdefghj\"}[/TOOL_RESULTS]Hello.</s>");
  EXPECT_EQ(render(named("mistral-v7"), messages, tools()),
            "<s>[AVAILABLE_TOOLS]" + offered + "[INST]Hi[/INST][TOOL_CALLS]" + list +
                "[TOOL_RESULTS]abcdefghi[TOOL_CONTENT]x[/TOOL_RESULTS]"
                "[TOOL_RESULTS]abcdefghj[TOOL_CONTENT]y[/TOOL_RESULTS]Hello.</s>");
  for (const char* name : {"mistral-v3", "mistral-nemo", "mistral-v7"})
    EXPECT_EQ(named(name).format().tools, ToolSyntax::mistral_array) << name;
}

TEST(NamedTemplates, qwen3_has_tools_and_results) {
  const ChatTemplate chat = named("qwen3");
  const std::string prompt =
      render(chat, {kSystem, kHi, calls(), result("x", "abcdefghi"), result("y", "abcdefghj")}, tools());
  EXPECT_TRUE(prompt.starts_with("<|im_start|>system\nBe brief.\n\n# Tools\n\n"));
  EXPECT_NE(prompt.find("<tools>\n{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": "
                        "\"object\"}}}\n</tools>"),
            std::string::npos);
  EXPECT_TRUE(prompt.ends_with(
      "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": "
      "1}}\n"
      "</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call><|im_end|>\n<|im_start|>user\n"
      "<tool_response>\nx\n</tool_response>\n<tool_response>\ny\n</tool_response><|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(chat.format().tools, ToolSyntax::tagged_json);
}

TEST(NamedTemplates, qwen3_turns_thinking_off_and_drops_that_of_earlier_turns) {
  const ChatTemplate chat = named("qwen3");
  EXPECT_EQ(chat.abilities().thinking_switch, "enable_thinking");
  EXPECT_TRUE(chat.abilities().thinks_by_default && chat.abilities().past_reasoning);
  EXPECT_TRUE(render(chat, {kHi}, nullptr, false).ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
  Json thought = kHello, written = said("assistant", "<think>\nHm.\n</think>\n\nHello."), called = calls();
  thought["reasoning_content"] = called["reasoning_content"] = "Hm.";
  EXPECT_EQ(render(chat, {kHi, thought, kBye}), render(chat, {kHi, kHello, kBye}));
  EXPECT_EQ(render(chat, {kHi, written, kBye}), render(chat, {kHi, kHello, kBye}));
  // Between a call and its result the question is still the last one.
  EXPECT_NE(render(chat, {kHi, called, result("x", "abcdefghi")}).find("<think>\nHm.\n</think>\n\n<tool_call>"),
            std::string::npos);
}

TEST(NamedTemplates, deepseek_r1_opens_the_tag_and_drops_past_thinking) {
  const ChatTemplate chat = named("deepseek-r1");
  ASSERT_TRUE(chat.format().reasoning);
  EXPECT_EQ(prompt_end(chat.format(), render(chat, {kHi})), PromptEnd::in_reasoning);
  EXPECT_EQ(render(chat, {kHi, said("assistant", "<think>\nHm.\n</think>Hello."), kBye}),
            render(chat, {kHi, kHello, kBye}));
}

TEST(NamedTemplates, render_as_the_models_own_templates_do) {
  const std::filesystem::path folder = std::filesystem::path(QUANDEX_SHARED_DATA) / "chat_templates";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
  Json thought = kHello;
  thought["reasoning_content"] = "Hm.";
  const std::vector<Json::array_t> plain = {{kHi}, {kHi, kHello, kBye}, {kHi, thought, kBye}};
  const std::vector<Json::array_t> with_system = {{kSystem, kHi}, {kSystem, kHi, kHello, kBye}};
  const std::vector<Json::array_t> with_calls = {
      {kHi, calls(), result("x", "abcdefghi"), result("y", "abcdefghj")},
      {kHi, calls(), result("x", "abcdefghi"), result("y", "abcdefghj"), kHello, kBye}};
  struct Case {
    const char* name;
    const char* file;
    bool system, tools;
  };
  for (const Case& item :
       {Case{"mistral-v1", "mistral-common/v1_spm", true, false},
        Case{"mistral-v3", "mistral-common/v3_spm", true, true}, Case{"mistral-nemo", "mistral-common/v3", true, true},
        Case{"mistral-v7", "mistral-common/v7", true, true},
        Case{"gemma", "llama.cpp/google-gemma-2-2b-it", false, false},
        Case{"phi3", "llama.cpp/microsoft-Phi-3.5-mini-instruct", true, false},
        Case{"chatml", "llama.cpp/Qwen-Qwen2.5-7B-Instruct", true, false},
        Case{"qwen3", "llama.cpp/Qwen-Qwen3-0.6B", true, true}}) {
    const ChatTemplate ours = named(item.name);
    const ChatTemplate theirs =
        from_source(testing::read_file(folder / (std::string(item.file) + ".jinja")), item.file);
    std::vector<Json::array_t> conversations;
    if (item.name != std::string_view("chatml")) conversations = plain;  // Qwen2.5's has a system prompt of its own
    if (item.system) conversations.insert(conversations.end(), with_system.begin(), with_system.end());
    if (item.tools) conversations.insert(conversations.end(), with_calls.begin(), with_calls.end());
    for (const Json::array_t& messages : conversations)
      EXPECT_EQ(render(ours, messages), render(theirs, messages)) << item.name;
  }
}

}  // namespace
}  // namespace quandex
