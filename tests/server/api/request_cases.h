// Bodies of every endpoint that the tests of requests start from.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "server/api/request_fields.h"
#include "server/api/requests.h"

namespace quandex::server::testing {

// A model whose template can do everything.
ModelFacts capable_model();

struct BodyCase {
  std::string name;
  const Table* table;
  Json full;  // valid, and has every object that the tables know, in every form that is honoured
  std::function<void(const Json& body, const ModelFacts& model, const RequestOptions& options)> parse;
};
std::vector<BodyCase> body_cases();

struct Refusal {
  int status = 0;
  std::string param, code, message;  // "" where null
};
// How the body is refused, if it is. Anything thrown but ApiError goes through.
std::optional<Refusal> refusal_of(const std::function<void()>& parse);

inline std::optional<Refusal> chat_refusal(const Json& body, const ModelFacts& model = capable_model()) {
  return refusal_of([&] { parse_chat_request(body, model, {}); });
}
inline std::optional<Refusal> completion_refusal(const Json& body, const ModelFacts& model = capable_model()) {
  return refusal_of([&] { parse_completion_request(body, model, {}); });
}

// {"messages": [a user's], and these members}.
Json chat_body(const Json& more = Json::object());

// {"type": "function", "function": …}
Json tool(const Json& function);

}  // namespace quandex::server::testing
