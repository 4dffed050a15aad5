// The bodies of /tokenize, /detokenize and /apply-template.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/generation_request.h"
#include "server/api/messages.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

// The text under whichever of its names; null where there is none.
const Json* find_text(const Json& body) {
  const Json* text = nullptr;
  for (const char* name : {"text", "content", "prompt"}) {
    const Json* const value = given(body, name);
    if (text && value) throw field_error(name, "invalid_value", "is a second text, expected one");
    if (value) text = value;
  }
  return text;
}

void check_text_or_messages(const Json& body, bool has_text) {
  const bool has_messages = given(body, "messages") != nullptr;
  if (!has_text && !has_messages)
    throw field_error("text", "missing_required_parameter", "is missing, expected it or messages");
  if (has_text && has_messages)
    throw field_error("messages", "invalid_value", "found beside a text, expected one of them");
  const auto only_of = [&](std::string_view what, std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (given(body, name)) throw field_error(name, "invalid_value", fmt::format("has a meaning for {} alone", what));
  };
  if (has_text)
    only_of("messages", {"tools", "enable_thinking", "chat_template_kwargs", "add_generation_prompt"});
  else
    only_of("a text", {"add_special", "parse_special"});
}

// What the template is given, of a body with messages.
template <typename WithMessages>
void read_conversation(const Json& body, const ModelFacts& model, WithMessages& request) {
  request.messages = read_messages(body["messages"], model);
  request.tools = read_tools(body, model, true);
  request.add_generation_prompt = read_flag(body, "add_generation_prompt", true);
  TemplateNames names = read_template_names(body, model);
  request.enable_thinking = names.enable_thinking;
  request.template_extra = std::move(names.extra);
}

}  // namespace

TokenizeRequest parse_tokenize_request(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  TokenizeRequest request;
  check_body(body, kTokenizeRequestTable, model, options, request.warnings);
  const Json* const text = find_text(body);
  check_text_or_messages(body, text != nullptr);
  request.with_pieces = read_flag(body, "with_pieces", false);
  if (text) {
    request.text = text->get<std::string>();
    request.add_special = read_flag(body, "add_special", true);
    request.parse_special = read_flag(body, "parse_special", true);
    return request;
  }
  read_conversation(body, model, request);
  return request;
}

DetokenizeRequest parse_detokenize_request(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  DetokenizeRequest request;
  check_body(body, kDetokenizeRequestTable, model, options, request.warnings);
  request.special = read_flag(body, "special", true);
  const Json& tokens = body["tokens"];
  const Path root;
  const Path at = root.member("tokens");
  request.tokens.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    check_token_id(tokens[i].get<int64_t>(), model, at.element(i));
    request.tokens.push_back(static_cast<int32_t>(tokens[i].get<int64_t>()));
  }
  return request;
}

ApplyTemplateRequest parse_apply_template_request(const Json& body, const ModelFacts& model,
                                                  const RequestOptions& options) {
  ApplyTemplateRequest request;
  check_body(body, kApplyTemplateRequestTable, model, options, request.warnings);
  read_conversation(body, model, request);
  return request;
}

}  // namespace quandex::server
