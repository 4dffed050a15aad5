#include "server/api/messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "server/api/request_check.h"

namespace quandex::server {
namespace {

Json read_content(const Json& content) {
  if (!content.is_array()) return content;
  Json parts = Json::array();
  for (const Json& part : content) parts.push_back({{"type", "text"}, {"text", part["text"]}});
  return parts;
}

Json read_tool_calls(const Json& calls) {
  Json read = Json::array();
  for (const Json& call : calls) {
    const Json& function = call["function"];
    Json called = {{"name", function["name"]}, {"arguments", function["arguments"]}};
    read.push_back({{"id", call["id"]}, {"type", "function"}, {"function", std::move(called)}});
  }
  return read;
}

// What the template would drop without a word.
void check_abilities(const Json& message, const TemplateAbilities& abilities, const Path& path) {
  const std::string& role = message["role"].get_ref<const std::string&>();
  const auto refuse = [&](std::string_view member, std::string_view what) {
    throw field_error(path.member(member).text(), "unsupported_value",
                      fmt::format("this model's chat template leaves out {}", what));
  };
  if (role == "system" && !abilities.system) refuse("role", "system messages; put the text into a user message");
  if (role == "tool" && !abilities.tools && !abilities.tool_calls) refuse("role", "answers of tools");
  if (message.contains("tool_calls") && !abilities.tool_calls) refuse("tool_calls", "calls of tools");
}

Json read_message(const Json& message, const TemplateAbilities& abilities, const Path& path) {
  Json read = Json::object();
  const std::string& role = message["role"].get_ref<const std::string&>();
  read["role"] = role == "developer" ? "system" : role;
  const Json* const content = given(message, "content");
  const Json* const calls = given(message, "tool_calls");
  const bool has_calls = calls && !calls->empty();
  if (!content && !has_calls)
    throw field_error(path.member("content").text(), "missing_required_parameter",
                      "is missing, expected text where there are no tool_calls");
  read["content"] = content ? read_content(*content) : Json();
  for (const char* name : {"name", "reasoning_content", "tool_call_id"})
    if (const Json* value = given(message, name)) read[name] = *value;
  if (has_calls) read["tool_calls"] = read_tool_calls(*calls);
  check_abilities(read, abilities, path);
  return read;
}

// Folds the template's own switch, given among the further names, into `thinking`.
void take_switch(Json& extra, const ModelFacts& model, std::optional<bool>& thinking) {
  for (const std::string& name : {std::string("enable_thinking"), model.abilities.thinking_switch}) {
    const auto found = extra.find(name);
    if (name.empty() || found == extra.end()) continue;
    const std::string param = Path().member("chat_template_kwargs").member(name).text();
    if (!found->is_boolean() && !found->is_null())
      throw field_error(param, "invalid_type", fmt::format("found {}, expected true or false", found_text(*found)));
    if (found->is_boolean()) {
      if (model.abilities.thinking_switch.empty())
        throw field_error(param, "unsupported_parameter", "this model's chat template has no switch for thinking");
      if (thinking && *thinking != found->get<bool>())
        throw field_error(param, "invalid_value", "contradicts enable_thinking or reasoning_effort");
      thinking = found->get<bool>();
    }
    extra.erase(name);
  }
}

}  // namespace

Json read_messages(const Json& messages, const ModelFacts& model) {
  if (!model.has_template)
    throw field_error("messages", "unsupported_parameter",
                      "this model has no chat template; /v1/completions continues texts");
  const Path root;
  const Path list = root.member("messages");
  Json read = Json::array();
  for (size_t i = 0; i < messages.size(); ++i)
    read.push_back(read_message(messages[i], model.abilities, list.element(i)));
  return read;
}

Json read_tools(const Json& body, const ModelFacts& model, bool is_offered) {
  const Json* const tools = given(body, "tools");
  if (!tools || tools->empty() || !is_offered) return {};
  if (!model.abilities.tools)
    throw field_error("tools", "unsupported_parameter", "this model's chat template has no place for tools");
  Json read = Json::array();
  for (const Json& tool : *tools) {
    Json function = Json::object();  // in the client's order, which the model reads
    for (const auto& [name, value] : tool["function"].items())
      if (!value.is_null() && (name == "name" || name == "description" || name == "parameters")) function[name] = value;
    read.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return read;
}

TemplateNames read_template_names(const Json& body, const ModelFacts& model) {
  TemplateNames names;
  for (const char* field : {"enable_thinking", "reasoning_effort"}) {
    const Json* const value = given(body, field);
    if (!value) continue;
    if (model.abilities.thinking_switch.empty())
      throw field_error(field, "unsupported_parameter", "this model's chat template has no switch for thinking");
    const bool is_on = value->is_boolean() && value->get<bool>();  // the one effort that is taken is "none"
    if (names.enable_thinking && *names.enable_thinking != is_on)
      throw field_error(field, "invalid_value", "contradicts enable_thinking");
    names.enable_thinking = is_on;
  }
  const Json* const extra = given(body, "chat_template_kwargs");
  if (!extra) return names;
  for (const char* own : {"messages", "tools", "add_generation_prompt"})
    if (extra->contains(own))
      throw field_error(fmt::format("chat_template_kwargs.{}", own), "invalid_value", "is set by the request itself");
  names.extra = *extra;
  take_switch(names.extra, model, names.enable_thinking);
  if (names.extra.empty()) names.extra = nullptr;
  return names;
}

}  // namespace quandex::server
