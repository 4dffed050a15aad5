// The body as JSON, and the model that it names.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "server/api/request_check.h"
#include "server/api/requests.h"

namespace quandex::server {

Json parse_body(std::string_view body) {
  const auto refuse = [](const std::string& message) { throw ApiError(400, message).with_code("invalid_json"); };
  Json json;
  try {
    json = parse_json(body, "the body is no valid JSON");
  } catch (const Error& error) {
    refuse(error.what());
  }
  if (!json.is_object()) refuse(fmt::format("the body: found {}, expected a JSON object", found_text(json)));
  return json;
}

void check_model_name(std::string_view name, const ModelFacts& model) {
  const bool is_served =
      name == "default" || name == model.id || std::ranges::find(model.aliases, name) != model.aliases.end();
  if (is_served) return;
  throw ApiError(404, fmt::format("the model '{}' does not exist here; '{}' does", shown(name), model.id))
      .with_param("model")
      .with_code("model_not_found");
}

void check_model(const Json& body, const ModelFacts& model) {
  if (!body.is_object()) return;
  const Json* name = given(body, "model");
  if (!name) return;
  if (!name->is_string())
    throw field_error("model", "invalid_type", fmt::format("found {}, expected a string", found_text(*name)));
  check_model_name(name->get_ref<const std::string&>(), model);
}

}  // namespace quandex::server
