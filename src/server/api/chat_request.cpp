#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/api/generation_request.h"
#include "server/api/messages.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

void read_max_tokens(const Json& body, ChatRequest& request) {
  const Json* const value = given(body, "max_completion_tokens");
  const Json* const other = given(body, "max_tokens");
  if (value && other && *value != *other)
    throw field_error(
        "max_tokens", "invalid_value",
        fmt::format("found {} beside max_completion_tokens {}, expected one of the two", other->dump(), value->dump()));
  if (value || other) request.max_tokens = clamped(value ? *value : *other);
}

void read_logprobs(const Json& body, ChatRequest& request) {
  const bool is_wanted = read_flag(body, "logprobs", false);
  const Json* const n_top = given(body, "top_logprobs");
  if (n_top && !is_wanted) throw field_error("top_logprobs", "invalid_value", "is only allowed where logprobs is true");
  if (is_wanted) request.n_top_logprobs = n_top ? n_top->get<int>() : 0;
}

}  // namespace

ChatRequest parse_chat_request(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  ChatRequest request;
  check_body(body, kChatRequestTable, model, options, request.warnings);
  read_generation(body, model, request);
  read_max_tokens(body, request);
  read_logprobs(body, request);
  request.messages = read_messages(body["messages"], model);
  const Json* const choice = given(body, "tool_choice");
  if (choice && *choice == "none") request.tool_choice = ToolChoice::none;
  request.tools = read_tools(body, model, request.tool_choice != ToolChoice::none);
  request.parallel_tool_calls = read_flag(body, "parallel_tool_calls", true);
  TemplateNames names = read_template_names(body, model);
  request.enable_thinking = names.enable_thinking;
  request.template_extra = std::move(names.extra);
  return request;
}

}  // namespace quandex::server
