#include "server/api/openapi.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "server/api/openapi_schemas.h"

namespace quandex::server {
namespace {

struct Endpoint {
  std::string_view path;
  std::string_view operation;  // its operationId
  std::string_view summary;
  const Table* request = nullptr;  // null: GET
  std::string_view answer = {};    // the schema of its JSON, or none
  std::string_view media = {};     // of an answer that is no JSON
  std::string_view chunk = {};     // the schema of the events of a stream
  bool is_open = false;            // without a key
};

constexpr std::array kEndpoints{
    Endpoint{"/v1/chat/completions", "createChatCompletion", "Answers a conversation.", &kChatRequestTable,
             "ChatCompletion", "", "ChatCompletionChunk"},
    Endpoint{"/v1/completions", "createCompletion", "Continues texts.", &kCompletionRequestTable, "TextCompletion", "",
             "TextCompletion"},
    Endpoint{"/v1/models", "listModels", "What is served.", nullptr, "ModelList"},
    Endpoint{"/v1/models/{model}", "retrieveModel", "One model.", nullptr, "Model"},
    Endpoint{"/tokenize", "tokenize", "Token ids of a text or of a conversation.", &kTokenizeRequestTable, "Tokens"},
    Endpoint{"/detokenize", "detokenize", "The text of token ids.", &kDetokenizeRequestTable, "Text"},
    Endpoint{"/apply-template", "applyTemplate", "The prompt that the chat template makes of a conversation.",
             &kApplyTemplateRequestTable, "Prompt"},
    Endpoint{"/health", "health", "Whether the server is ready: status 200, else 503.", nullptr, "Health", "", "",
             true},
    Endpoint{"/metrics", "metrics", "Counters and histograms for Prometheus.", nullptr, "", "text/plain"},
    Endpoint{"/openapi.json", "openapi", "This document.", nullptr, "", "application/json"},
    Endpoint{"/", "page", "A page that says what is served and how to call it.", nullptr, "", "text/html", "", true},
};

// Responses that refuse, by status. A post can be refused for its body, everything else for its head.
struct Refusal {
  const char* status;
  const char* description;
  bool is_of_body;
};
constexpr std::array kRefusals{
    Refusal{"400", "The request is wrong; param names the field.", false},
    Refusal{"401", "The key is missing or wrong.", false},
    Refusal{"404", "No such path or model.", false},
    Refusal{"405", "The path has no such method.", false},
    Refusal{"408", "The request came too slowly.", false},
    Refusal{"413", "The body is too long.", true},
    Refusal{"415", "The body is not declared as JSON.", true},
    Refusal{"431", "The head is too long.", false},
    Refusal{"500", "The server failed; the request may be right.", false},
    Refusal{"503", "The server is full or ends; try again later.", false},
};

Json text_header(const char* description) { return {{"description", description}, {"schema", {{"type", "string"}}}}; }

Json refusal_response(const Refusal& refusal) {
  Json response = {{"description", refusal.description}};
  const std::string_view status = refusal.status;
  if (status == "401") response["headers"]["WWW-Authenticate"] = text_header("Bearer");
  if (status == "405") response["headers"]["Allow"] = text_header("The methods that the path has.");
  if (status == "503") response["headers"]["Retry-After"] = text_header("Seconds.");
  response["content"]["application/json"]["schema"] = schema_reference("ErrorResponse");
  return response;
}

Json answer_response(const Endpoint& endpoint) {
  Json response = {{"description", "The answer."}};
  if (!endpoint.answer.empty()) response["content"]["application/json"]["schema"] = schema_reference(endpoint.answer);
  if (endpoint.media == "application/json")
    response["content"]["application/json"]["schema"] = {{"type", "object"}};
  else if (!endpoint.media.empty())
    response["content"][std::string(endpoint.media)]["schema"] = {{"type", "string"}};
  if (!endpoint.chunk.empty()) {  // as OpenAI's document does: the schema is that of one event's JSON
    response["description"] =
        "The answer. With stream: true events, each \"data: \" and JSON, at last \"data: [DONE]\".";
    response["content"]["text/event-stream"]["schema"] = schema_reference(endpoint.chunk);
  }
  if (endpoint.request)
    response["headers"]["x-quandex-warning"] = text_header("A field that was ignored, where the server is lenient.");
  return response;
}

Json operation(const Endpoint& endpoint) {
  Json operation = {{"operationId", endpoint.operation}, {"summary", endpoint.summary}};
  if (endpoint.is_open) operation["security"] = Json::array();
  if (endpoint.path.ends_with("{model}"))
    operation["parameters"] = Json::array({{{"name", "model"},
                                            {"in", "path"},
                                            {"required", true},
                                            {"description", "The model's id or an alias of it."},
                                            {"schema", {{"type", "string"}}}}});
  if (endpoint.request)
    operation["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", schema_reference(endpoint.request->name)}}}}}};
  operation["responses"]["200"] = answer_response(endpoint);
  for (const Refusal& refusal : kRefusals) {
    const bool is_possible =
        (endpoint.request || !refusal.is_of_body) && (!endpoint.is_open || std::string_view(refusal.status) != "401");
    if (is_possible) operation["responses"][refusal.status] = refusal_response(refusal);
  }
  return operation;
}

Json components() {
  Json schemas = Json::object();
  for (const Endpoint& endpoint : kEndpoints)
    if (endpoint.request) add_request_schema(*endpoint.request, schemas);
  add_answer_schemas(schemas);
  Json bearer = {
      {"type", "http"}, {"scheme", "bearer"}, {"description", "An API key, where the server was started with any."}};
  return {{"schemas", std::move(schemas)}, {"securitySchemes", {{"bearer", std::move(bearer)}}}};
}

}  // namespace

Json openapi_document(const ModelFacts& model, std::string_view version) {
  Json document = {{"openapi", "3.1.0"}};
  document["info"] = {{"title", "Quandex"},
                      {"version", version},
                      {"description", fmt::format("An OpenAI-compatible API. It serves {}, with {} tokens of context.",
                                                  model.id, model.n_ctx)}};
  document["servers"] = Json::array({{{"url", "/"}}});
  document["security"] = Json::array({{{"bearer", Json::array()}}});
  document["paths"] = Json::object();
  for (const Endpoint& endpoint : kEndpoints)
    document["paths"][std::string(endpoint.path)][endpoint.request ? "post" : "get"] = operation(endpoint);
  document["components"] = components();
  return document;
}

}  // namespace quandex::server
