// Messages, tools, and the switches of chat templates.
#include "server/api/messages.h"

#include <gtest/gtest.h>

#include <tuple>

#include "server/api/expect_refusal.h"
#include "server/api/request_cases.h"

namespace quandex::server {
namespace {

using testing::capable_model;
using testing::chat_body;
using testing::expect_chat_refusal;
using testing::tool;

ChatRequest chat(const Json& more) { return parse_chat_request(chat_body(more), capable_model(), {}); }

Json with_message(const char* message) {
  return {{"messages", Json::array({Json::parse(R"({"role": "user", "content": "a"})"), Json::parse(message)})}};
}

TEST(ChatMessages, wrong_ones_are_refused_with_their_place) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases = {
      {R"({"content": "a"})", "messages[1].role", "missing_required_parameter"},
      {R"({"role": 7, "content": "a"})", "messages[1].role", "invalid_type"},
      {R"({"role": "owner", "content": "a"})", "messages[1].role", "invalid_value"},
      {R"({"role": "function", "name": "f", "content": "a"})", "messages[1].role", "unsupported_value"},
      {R"({"role": "user"})", "messages[1].content", "missing_required_parameter"},
      {R"({"role": "user", "content": null})", "messages[1].content", "invalid_type"},
      {R"({"role": "user", "content": []})", "messages[1].content", "empty_array"},
      {R"({"role": "user", "content": ["a"]})", "messages[1].content[0]", "invalid_type"},
      {R"({"role": "user", "content": [{"type": "text"}]})", "messages[1].content[0].text",
       "missing_required_parameter"},
      {R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]})",
       "messages[1].content[1].type", "unsupported_value"},
      {R"({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]})", "messages[1].content[0].type",
       "unsupported_value"},
      {R"({"role": "user", "content": [{"type": "file", "file": {}}]})", "messages[1].content[0].type",
       "unsupported_value"},
      {R"({"role": "user", "content": [{"type": "smell"}]})", "messages[1].content[0].type", "invalid_value"},
      {R"({"role": "user", "content": "a", "tool_calls": []})", "messages[1].tool_calls", "unknown_parameter"},
      {R"({"role": "assistant"})", "messages[1].content", "missing_required_parameter"},
      {R"({"role": "assistant", "tool_calls": []})", "messages[1].content", "missing_required_parameter"},
      {R"({"role": "assistant", "content": "a", "refusal": "no"})", "messages[1].refusal", "unsupported_parameter"},
      {R"({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"arguments": ""}}]})",
       "messages[1].tool_calls[0].function.name", "missing_required_parameter"},
      {R"({"role": "assistant", "tool_calls": [{"id": "a", "type": "function",
            "function": {"name": "f", "arguments": {}}}]})",
       "messages[1].tool_calls[0].function.arguments", "invalid_type"},
      {R"({"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {}}]})",
       "messages[1].tool_calls[0].type", "unsupported_value"},
      {R"({"role": "tool", "content": "a"})", "messages[1].tool_call_id", "missing_required_parameter"},
      {R"("hello")", "messages[1]", "invalid_type"},
  };
  for (const auto& [message, param, code] : cases) expect_chat_refusal(with_message(message), param, code);
  expect_chat_refusal({{"messages", Json::array()}}, "messages", "empty_array");
}

TEST(ChatMessages, an_answer_as_clients_hand_it_back_is_taken) {
  const ChatRequest request = chat(with_message(R"({"role": "assistant", "content": "b", "refusal": null,
    "annotations": [], "audio": null, "function_call": null, "tool_calls": null, "reasoning_content": null})"));
  EXPECT_EQ(request.messages[1], Json::parse(R"({"role": "assistant", "content": "b"})"));
}

TEST(ChatMessages, what_the_template_would_drop_is_refused) {
  const auto without = [](bool TemplateAbilities::* ability) {
    ModelFacts model = capable_model();
    model.abilities.*ability = false;
    return model;
  };
  const Json system = with_message(R"({"role": "system", "content": "a"})");
  const Json developer = with_message(R"({"role": "developer", "content": "a"})");
  const Json answer = with_message(R"({"role": "tool", "content": "a", "tool_call_id": "b"})");
  const Json call = with_message(R"({"role": "assistant", "tool_calls": [{"id": "a", "type": "function",
                                     "function": {"name": "f", "arguments": "{}"}}]})");
  expect_chat_refusal(system, "messages[1].role", "unsupported_value", without(&TemplateAbilities::system));
  expect_chat_refusal(developer, "messages[1].role", "unsupported_value", without(&TemplateAbilities::system));
  expect_chat_refusal(call, "messages[1].tool_calls", "unsupported_value", without(&TemplateAbilities::tool_calls));
  ModelFacts no_tools = without(&TemplateAbilities::tools);
  no_tools.abilities.tool_calls = false;
  expect_chat_refusal(answer, "messages[1].role", "unsupported_value", no_tools);
  expect_chat_refusal(Json::object(), "messages", "unsupported_parameter", ModelFacts());
}

// --- tools

TEST(ChatTools, wrong_ones_are_refused_with_their_place) {
  const std::vector<std::tuple<Json, const char*, const char*>> cases = {
      {tool({{"name", "two words"}}), "tools[0].function.name", "invalid_value"},
      {tool({{"name", ""}}), "tools[0].function.name", "invalid_value"},
      {tool({{"name", std::string(65, 'a')}}), "tools[0].function.name", "invalid_value"},
      {tool({{"name", "a"}, {"strict", true}}), "tools[0].function.strict", "unsupported_value"},
      {tool({{"name", "a"}, {"parameters", "{}"}}), "tools[0].function.parameters", "invalid_type"},
      {tool({{"description", "a"}}), "tools[0].function.name", "missing_required_parameter"},
      {{{"type", "custom"}, {"custom", Json::object()}}, "tools[0].type", "unsupported_value"},
      {{{"function", {{"name", "a"}}}}, "tools[0].type", "missing_required_parameter"},
      {{{"type", "function"}}, "tools[0].function", "missing_required_parameter"},
  };
  for (const auto& [item, param, code] : cases) expect_chat_refusal({{"tools", Json::array({item})}}, param, code);
}

TEST(ChatTools, they_are_offered_only_where_the_choice_is_not_none) {
  const Json tools = Json::array({tool({{"name", "a"}, {"strict", nullptr}})});
  EXPECT_EQ(chat({{"tools", tools}}).tools, Json::array({tool({{"name", "a"}})}));
  EXPECT_TRUE(chat({{"tools", tools}, {"tool_choice", "none"}}).tools.is_null());
  EXPECT_TRUE(chat({{"tools", Json::array()}}).tools.is_null());
  expect_chat_refusal({{"tools", Json::array({tool({{"name", "!"}})})}, {"tool_choice", "none"}},
                      "tools[0].function.name", "invalid_value");
  ModelFacts model = capable_model();
  model.abilities.tools = false;
  expect_chat_refusal({{"tools", tools}}, "tools", "unsupported_parameter", model);
  EXPECT_FALSE(chat({{"tools", tools}, {"parallel_tool_calls", false}}).parallel_tool_calls);
}

// --- thinking

TEST(ChatThinking, all_ways_to_switch_it_meet) {
  const std::vector<std::pair<const char*, bool>> cases = {
      {R"({"enable_thinking": true})", true},
      {R"({"enable_thinking": false, "reasoning_effort": "none"})", false},
      {R"({"reasoning_effort": "none"})", false},
      {R"({"chat_template_kwargs": {"enable_thinking": false}})", false},
      {R"({"chat_template_kwargs": {"enable_thinking": true}, "enable_thinking": true})", true}};
  for (const auto& [text, expected] : cases) {
    const ChatRequest request = chat(Json::parse(text));
    EXPECT_EQ(request.enable_thinking, expected) << text;
    EXPECT_TRUE(request.template_extra.is_null()) << text;
  }
  ModelFacts model = capable_model();
  model.abilities.thinking_switch = "thinking";
  const ChatRequest request =
      parse_chat_request(chat_body({{"chat_template_kwargs", {{"thinking", true}, {"a", 1}}}}), model, {});
  EXPECT_EQ(request.enable_thinking, true);
  EXPECT_EQ(request.template_extra, Json({{"a", 1}}));
}

TEST(ChatThinking, contradictions_and_missing_switches_are_refused) {
  expect_chat_refusal({{"enable_thinking", true}, {"reasoning_effort", "none"}}, "reasoning_effort", "invalid_value");
  expect_chat_refusal({{"enable_thinking", true}, {"chat_template_kwargs", {{"enable_thinking", false}}}},
                      "chat_template_kwargs.enable_thinking", "invalid_value");
  expect_chat_refusal({{"chat_template_kwargs", {{"enable_thinking", 1}}}}, "chat_template_kwargs.enable_thinking",
                      "invalid_type");
  for (const char* own : {"messages", "tools", "add_generation_prompt"})
    expect_chat_refusal({{"chat_template_kwargs", {{own, 1}}}}, std::string("chat_template_kwargs.") + own,
                        "invalid_value");
  ModelFacts model = capable_model();
  model.abilities.thinking_switch = "";
  expect_chat_refusal({{"enable_thinking", false}}, "enable_thinking", "unsupported_parameter", model);
  expect_chat_refusal({{"reasoning_effort", "none"}}, "reasoning_effort", "unsupported_parameter", model);
  expect_chat_refusal({{"chat_template_kwargs", {{"enable_thinking", true}}}}, "chat_template_kwargs.enable_thinking",
                      "unsupported_parameter", model);
}

}  // namespace
}  // namespace quandex::server
