#include "text/chat/template_context.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/shown.h"
#include "text/jinja/template.h"

namespace quandex {
namespace {

// Callers of the API send arguments as JSON text, templates walk an object; a few want the text.
void convert_arguments(Json& arguments, bool as_text) {
  static const jinja::Template as_json("{{ arguments | tojson }}", "arguments");  // text as templates write it
  if (as_text && arguments.is_object()) arguments = as_json.render({{"arguments", arguments}});
  if (as_text || !arguments.is_string()) return;
  try {
    Json parsed = parse_json(arguments.get_ref<const std::string&>(), "arguments");
    if (parsed.is_object()) arguments = std::move(parsed);
  } catch (const Error&) {  // no JSON: the template gets what the caller gave
  }
}

// Text parts as one text, a line break between them, as servers do for templates that take no parts.
void join_parts(Json& content) {
  std::string joined;
  for (const Json& part : content) {
    if (part["type"] != "text")
      throw Error(ErrorCode::invalid_argument,
                  "messages: found a part of type {}, expected text, as this chat template takes nothing else",
                  shown(part["type"].get_ref<const std::string&>()));
    if (!part.contains("text") || !part["text"].is_string())
      throw Error(ErrorCode::invalid_argument,
                  "messages: found a part of type text whose \"text\" is {}, expected a string",
                  part.contains("text") ? part["text"].type_name() : "missing");
    if (&part != &content.front()) joined += '\n';
    joined += part["text"].get_ref<const std::string&>();
  }
  content = std::move(joined);
}

Json fit_messages(const Json& messages, const TemplateAbilities& abilities) {
  Json fitted = messages;
  for (Json& message : fitted) {
    if (message.contains("content") && message["content"].is_array() && !abilities.content_parts)
      join_parts(message["content"]);
    if (!message.contains("tool_calls") || message["tool_calls"].empty()) continue;
    for (Json& call : message["tool_calls"])
      if (call["function"].contains("arguments"))
        convert_arguments(call["function"]["arguments"], abilities.arguments_as_text);
    // Callers leave the content of such a message out, or null, or empty; templates expect one of the last two.
    Json& content = message["content"];
    if (content.is_null() || content == "") content = abilities.calls_without_content ? Json() : Json("");
  }
  return fitted;
}

bool is_own_name(std::string_view name) {
  return name == "messages" || name == "tools" || name == "add_generation_prompt";
}

}  // namespace

Json special_tokens(const Metadata& metadata, const Tokenizer& tokenizer) {
  Json tokens = Json::object();
  const auto add = [&](const char* name, int64_t id) {
    if (id < 0 || id >= tokenizer.n_vocab()) return;
    std::string text;
    tokenizer.append(static_cast<int32_t>(id), text, true);
    tokens[name] = std::move(text);
  };
  add("bos_token", tokenizer.special().bos);
  add("eos_token", tokenizer.special().eos);
  for (const auto& [name, key] :
       {std::pair{"unk_token", "tokenizer.ggml.unknown_token_id"},
        std::pair{"sep_token", "tokenizer.ggml.seperator_token_id"},  // GGUF's spelling
        std::pair{"pad_token", "tokenizer.ggml.padding_token_id"},
        std::pair{"cls_token", "tokenizer.ggml.cls_token_id"}, std::pair{"mask_token", "tokenizer.ggml.mask_token_id"}})
    add(name, metadata.integer(key, -1));
  return tokens;
}

Json template_context(const ChatInput& input, const Json& special_tokens, const TemplateAbilities& abilities) {
  check_messages(input.messages);
  if (!input.tools.is_null() && !input.tools.is_array())
    throw Error(ErrorCode::invalid_argument, "tools: found {}, expected a list", input.tools.type_name());
  if (!input.extra.is_null() && !input.extra.is_object())
    throw Error(ErrorCode::invalid_argument, "names for the chat template: found {}, expected an object",
                input.extra.type_name());
  Json context = special_tokens;
  context["messages"] = fit_messages(input.messages, abilities);
  context["tools"] = input.tools;
  context["documents"] = nullptr;
  context["add_generation_prompt"] = input.add_generation_prompt;
  if (input.enable_thinking) {
    context["enable_thinking"] = *input.enable_thinking;
    if (!abilities.thinking_switch.empty()) context[abilities.thinking_switch] = *input.enable_thinking;
  }
  // Looked for among our own names alone: a client may send any number of its own, and a walk for each would take
  // their square.
  Json::object_t& members = context.get_ref<Json::object_t&>();
  const auto n_own = static_cast<std::ptrdiff_t>(members.size());
  for (const auto& [name, value] : input.extra.items()) {
    const bool is_set = is_own_name(name) || (input.enable_thinking && name == "enable_thinking");
    if (is_set)
      throw Error(ErrorCode::invalid_argument, "names for the chat template: '{}' is set by other means", shown(name));
    const auto end = members.begin() + n_own;
    const auto own = std::find_if(members.begin(), end, [&](const auto& member) { return member.first == name; });
    if (own != end)
      own->second = value;
    else
      members.emplace_back(name, value);
  }
  return context;
}

}  // namespace quandex
