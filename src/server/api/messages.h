// Messages, tools and what else goes into a chat template. Their bodies have passed their tables.
#pragma once

#include <optional>

#include "base/json.h"
#include "server/api/requests.h"

namespace quandex::server {

// What the template gets: known members only, developers as the system. Throws ApiError{400} for what this model's
// template would drop: a system message, calls, answers of tools; and for a model without a template.
Json read_messages(const Json& messages, const ModelFacts& model);

// The body's tools, or null where there are none. Throws ApiError{400} where `is_offered` and the template has no
// place for tools.
Json read_tools(const Json& body, const ModelFacts& model, bool is_offered);

struct TemplateNames {
  std::optional<bool> enable_thinking;
  Json extra;  // an object, or null
};
// enable_thinking, reasoning_effort and chat_template_kwargs. Throws ApiError{400} where they contradict each other, or
// the template has no switch.
TemplateNames read_template_names(const Json& body, const ModelFacts& model);

}  // namespace quandex::server
