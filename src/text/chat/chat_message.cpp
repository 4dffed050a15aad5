#include "text/chat/chat_message.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace quandex {
namespace {

// Templates walk the arguments, so they get the object; what is no JSON stays text.
Json arguments_value(const std::string& arguments) {
  try {
    return parse_json(arguments, "arguments");
  } catch (const Error&) {
    return arguments;
  }
}

}  // namespace

void ChatResult::add(const ChatDelta& delta) {
  reasoning += delta.reasoning;
  content += delta.content;
  tool_calls.insert(tool_calls.end(), delta.tool_calls.begin(), delta.tool_calls.end());
}

Json assistant_message(const ChatResult& result) {
  Json message = Json::object();
  message["role"] = "assistant";
  message["content"] = result.content;
  if (!result.reasoning.empty()) message["reasoning_content"] = result.reasoning;
  for (const ToolCall& call : result.tool_calls) {
    Json function = {{"name", call.name}, {"arguments", arguments_value(call.arguments)}};
    message["tool_calls"].push_back({{"id", call.id}, {"type", "function"}, {"function", std::move(function)}});
  }
  return message;
}

}  // namespace quandex
