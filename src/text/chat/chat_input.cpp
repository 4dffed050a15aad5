#include "text/chat/chat_input.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "base/shown.h"

namespace quandex {
namespace {

// A value and where it stands, for messages: "messages[1].tool_calls[0].function".
struct Place {
  const Json& value;
  std::string path;

  [[noreturn]] void refuse(std::string_view expected) const {
    throw Error(ErrorCode::invalid_argument, "{}: found {}, expected {}", path, value.type_name(), expected);
  }
  // The member, which is there and passes the test.
  Place require(const char* key, bool (Json::*is_right)() const, std::string_view expected) const {
    if (!value.is_object()) refuse("an object");
    if (!value.contains(key))
      throw Error(ErrorCode::invalid_argument, "{}: has no \"{}\", expected {}", path, key, expected);
    const Place member{value[key], fmt::format("{}.{}", path, key)};
    if (!(member.value.*is_right)()) member.refuse(expected);
    return member;
  }
};

constexpr auto kIsString = static_cast<bool (Json::*)() const>(&Json::is_string);
constexpr auto kIsObject = static_cast<bool (Json::*)() const>(&Json::is_object);

void check_content(const Place& content) {
  if (content.value.is_string() || content.value.is_null()) return;
  if (!content.value.is_array()) content.refuse("a string, null or a list of parts");
  for (size_t i = 0; i < content.value.size(); ++i)
    Place{content.value[i], fmt::format("{}[{}]", content.path, i)}.require("type", kIsString, "a string");
}

void check_tool_calls(const Place& calls) {
  if (calls.value.is_null()) return;
  if (!calls.value.is_array()) calls.refuse("a list of tool calls");
  for (size_t i = 0; i < calls.value.size(); ++i) {
    const Place call{calls.value[i], fmt::format("{}[{}]", calls.path, i)};
    const Place function = call.require("function", kIsObject, "an object");
    function.require("name", kIsString, "a string");
    if (!function.value.contains("arguments")) continue;
    const Place arguments{function.value["arguments"], function.path + ".arguments"};
    if (!arguments.value.is_object() && !arguments.value.is_string())
      arguments.refuse("an object, or a string with the JSON text of one");
  }
}

}  // namespace

void check_messages(const Json& messages) {
  if (!messages.is_array()) Place{messages, "messages"}.refuse("a list of messages");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Place message{messages[i], fmt::format("messages[{}]", i)};
    const Place role = message.require("role", kIsString, "a string");
    if (role.value.get_ref<const std::string&>().empty())
      throw Error(ErrorCode::invalid_argument, "{}: is empty, expected a role", role.path);
    if (messages[i].contains("content")) check_content({messages[i]["content"], message.path + ".content"});
    if (messages[i].contains("tool_calls")) check_tool_calls({messages[i]["tool_calls"], message.path + ".tool_calls"});
  }
}

}  // namespace quandex
