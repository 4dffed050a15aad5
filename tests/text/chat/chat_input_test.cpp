#include "text/chat/chat_input.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace quandex {
namespace {

std::string refusal(std::string_view messages) {
  try {
    check_messages(parse_json(messages, "test"));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "";
}

TEST(ChatInput, messages_of_the_right_shape_are_taken) {
  for (const char* messages :
       {"[]", R"([{"role": "user", "content": "Hi"}])", R"([{"role": "assistant", "content": null, "more": 1}])",
        R"([{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image"}]}])",
        R"([{"role": "assistant", "tool_calls": [{"id": "1", "type": "function",
             "function": {"name": "f", "arguments": "{}"}}]}])",
        R"([{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}])",
        R"([{"role": "assistant", "content": "", "tool_calls": null}])"})
    EXPECT_EQ(refusal(messages), "") << messages;
}

TEST(ChatInput, a_refusal_says_where_what_was_found_and_what_was_expected) {
  EXPECT_EQ(refusal("{}"), "messages: found object, expected a list of messages");
  EXPECT_EQ(refusal("[1]"), "messages[0]: found number, expected an object");
  EXPECT_EQ(refusal("[{}]"), "messages[0]: has no \"role\", expected a string");
  EXPECT_EQ(refusal(R"([{"role": "user", "content": ""}, {"role": 1}])"),
            "messages[1].role: found number, expected a string");
  EXPECT_EQ(refusal(R"([{"role": ""}])"), "messages[0].role: is empty, expected a role");
  EXPECT_EQ(refusal(R"([{"role": "user", "content": 1}])"),
            "messages[0].content: found number, expected a string, null or a list of parts");
  EXPECT_EQ(refusal(R"([{"role": "user", "content": ["Hi"]}])"),
            "messages[0].content[0]: found string, expected an object");
  EXPECT_EQ(refusal(R"([{"role": "user", "content": [{"text": "Hi"}]}])"),
            "messages[0].content[0]: has no \"type\", expected a string");
  EXPECT_EQ(refusal(R"([{"role": "assistant", "tool_calls": {}}])"),
            "messages[0].tool_calls: found object, expected a list of tool calls");
  EXPECT_EQ(refusal(R"([{"role": "assistant", "tool_calls": [{"name": "f"}]}])"),
            "messages[0].tool_calls[0]: has no \"function\", expected an object");
  EXPECT_EQ(refusal(R"([{"role": "assistant", "tool_calls": [{"function": {"name": []}}]}])"),
            "messages[0].tool_calls[0].function.name: found array, expected a string");
  EXPECT_EQ(refusal(R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}])"),
            "messages[0].tool_calls[0].function.arguments: found number, expected an object, or a string with the JSON "
            "text of one");
}

}  // namespace
}  // namespace quandex
