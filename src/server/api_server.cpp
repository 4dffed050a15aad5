#include "server/api_server.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/shown.h"
#include "server/api/api_error.h"
#include "server/routes.h"

namespace quandex::server {
namespace {

constexpr std::string_view kOther = "other";  // the label of paths and methods that there are none of
constexpr std::array<std::string_view, 7> kMethods{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

// A value that a client wrote, in a line of keys and values: none of it looks like another key.
std::string logged(std::string_view value) {
  const std::string text = shown(value);
  return text.find_first_of(" \"=\\") == std::string::npos ? text : Json(text).dump();
}

std::string_view as_get(std::string_view method) { return method == "HEAD" ? "GET" : method; }

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  constexpr std::string_view kJson = "application/json";
  const std::string_view trimmed = type.substr(0, type.find_last_not_of(" \t") + 1);
  return std::ranges::equal(trimmed, kJson, {}, lower);
}

Response not_ready(bool is_draining) {
  return error_response(ApiError(503, is_draining ? "the server is shutting down" : "the model is still loading")
                            .with_code(is_draining ? "shutting_down" : "model_loading")
                            .with_header("Retry-After", "2"));
}

}  // namespace

bool Route::matches(std::string_view target) const {
  return target == path ||
         (path.ends_with('/') && path.size() > 1 && target.size() > path.size() && target.starts_with(path));
}

void ApiServer::Call::warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) headers.emplace_back("x-quandex-warning", warning);
}

void ApiServer::Call::answer(const Json& json) const {
  answer("application/json", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void ApiServer::Call::answer(std::string_view content_type, std::string body, int status) const {
  Headers all = headers;
  all.emplace_back("content-type", content_type);
  exchange->respond({status, std::move(all), std::move(body)});
}

const std::vector<Route>& ApiServer::routes() {
  using S = ApiServer;
  static const std::vector<Route> table{
      {"POST", "/v1/chat/completions", false, true, true, "Answer a conversation", &S::chat_completions},
      {"POST", "/v1/completions", false, true, true, "Continue a text", &S::completions},
      {"GET", "/v1/models", false, true, false, "List the models served", &S::models},
      {"GET", "/v1/models/", false, true, false, "Describe one model", &S::model},
      {"POST", "/tokenize", false, true, true, "Turn text or messages into token ids", &S::tokenize},
      {"POST", "/detokenize", false, true, true, "Turn token ids into text", &S::detokenize},
      {"POST", "/apply-template", false, true, true, "Turn messages into the prompt's text", &S::apply_template},
      {"GET", "/health", true, false, false, "Say whether the server is well", &S::health},
      {"GET", "/metrics", false, false, false, "Figures for Prometheus", &S::metrics},
      {"GET", "/openapi.json", false, true, false, "Describe this API as OpenAPI", &S::openapi},
      {"GET", "/", true, false, false, "This page", &S::page},
  };
  return table;
}

ApiServer::ApiServer(ApiOptions options, Metrics& metrics)
    : options_(std::move(options)), metrics_(metrics), work_(options_.n_workers) {}

ApiServer::~ApiServer() = default;

void ApiServer::serve(const ServedParts& parts) {
  parts_ = parts;
  is_ready_ = true;
}

const Route* ApiServer::find_route(std::string_view method, std::string_view path) const {
  const auto is_it = [&](const Route& route) { return route.method == as_get(method) && route.matches(path); };
  const auto found = std::ranges::find_if(routes(), is_it);
  return found == routes().end() ? nullptr : &*found;
}

std::string ApiServer::allowed_methods(std::string_view path) {
  std::string allowed;
  for (const Route& route : routes())
    if (route.matches(path))
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method == "GET" ? "GET, HEAD" : route.method);
  return allowed;
}

std::optional<Response> ApiServer::check_head(const RequestHead& head) {
  std::optional<Response> refused = check(head);
  if (refused) add_cors(head, refused->headers);
  return refused;
}

std::optional<Response> ApiServer::check(const RequestHead& head) const {
  const std::string allowed = allowed_methods(head.path);
  if (head.method == "OPTIONS" && (head.path == "*" || !allowed.empty())) return preflight(head);
  const Route* route = find_route(head.method, head.path);
  if (!(route && route->is_open) && !options_.keys.is_open() && !options_.keys.find(head.header("authorization"))) {
    const bool has_one = head.header("authorization").has_value();
    return error_response(
        ApiError(401, has_one ? "the API key is wrong" : "an API key is needed: Authorization: Bearer KEY")
            .with_code("invalid_api_key")
            .with_header("WWW-Authenticate", "Bearer"));
  }
  if (allowed.empty())
    return error_response(
        ApiError(404, fmt::format("there is nothing at {} {}; / lists what there is", head.method, shown(head.path)))
            .with_code("not_found"));
  if (!route)
    return error_response(ApiError(405, fmt::format("{} takes {}, not {}", shown(head.path), allowed, head.method))
                              .with_code("method_not_allowed")
                              .with_header("Allow", allowed + ", OPTIONS"));
  if (route->method == "POST" && !is_json(head.header("content-type").value_or("")))
    return error_response(ApiError(415, fmt::format("content-type: found {}, expected application/json",
                                                    head.header("content-type").value_or("none")))
                              .with_code("unsupported_media_type"));
  if (route->needs_model && !is_ready_) return not_ready(false);
  if (route->is_slow && is_draining_) return not_ready(true);
  return std::nullopt;
}

Response ApiServer::preflight(const RequestHead& head) const {
  Response response{204, {}, {}};
  const std::string methods = allowed_methods(head.path);
  const std::string allowed = methods.empty() ? "OPTIONS" : methods + ", OPTIONS";
  response.headers.emplace_back("allow", allowed);
  if (options_.cors_origins.empty()) return response;
  response.headers.emplace_back("access-control-allow-methods", allowed);
  // Any header may come: those that matter are checked with the request, and clients send headers of their own.
  response.headers.emplace_back("access-control-allow-headers",
                                head.header("access-control-request-headers").value_or("authorization, content-type"));
  response.headers.emplace_back("access-control-max-age", "600");
  return response;
}

void ApiServer::add_cors(const RequestHead& head, Headers& headers) const {
  if (options_.cors_origins.empty()) return;
  const bool any = std::ranges::find(options_.cors_origins, "*") != options_.cors_origins.end();
  if (!any) headers.emplace_back("vary", "Origin");  // also where there is none: caches keep that answer, too
  const auto origin = head.header("origin");
  if (!origin || (!any && std::ranges::find(options_.cors_origins, *origin) == options_.cors_origins.end())) return;
  headers.emplace_back("access-control-allow-origin", any ? "*" : std::string(*origin));
  headers.emplace_back("access-control-expose-headers", "x-request-id, x-quandex-warning, retry-after");
}

// On whose account a request goes: the key where there are keys, else the address.
uint64_t ApiServer::client_of(const RequestHead& head) const {
  if (const auto key = options_.keys.find(head.header("authorization"))) return *key + 1;
  return std::hash<std::string>()(head.address) | uint64_t{1} << 63;
}

void ApiServer::handle(std::shared_ptr<Exchange> exchange) {
  const Route* route = find_route(exchange->head().method, exchange->head().path);
  const Clock::time_point now = Clock::now();
  if (!route->is_slow) return run(*route, std::move(exchange), now);
  work_.post([this, route, now, exchange = std::move(exchange)]() mutable { run(*route, std::move(exchange), now); });
}

void ApiServer::run(const Route& route, std::shared_ptr<Exchange> exchange, Clock::time_point received) {
  const auto fail = [&](const ApiError& error) {
    Response response = error_response(error);
    add_cors(exchange->head(), response.headers);
    exchange->respond(std::move(response));
  };
  try {
    Call call{exchange,
              is_ready_ ? parts_.model : nullptr,
              is_ready_ ? parts_.engine : nullptr,
              std::string_view(exchange->head().path).substr(route.path.size()),
              {},
              received};
    add_cors(exchange->head(), call.headers);
    if (!exchange->is_gone()) (this->*route.run)(call);
  } catch (const ApiError& error) {
    fail(error);
  } catch (const Error& error) {
    fail(api_error_of(error));
  } catch (const std::exception& error) {
    LOG(error, "http", "id={} path={} {}", exchange->head().id, route.path, error.what());
    fail(ApiError(500, "the server failed; its log says more").with_code("internal_error"));
  }
}

Response ApiServer::refusal(const RequestHead& head, int status, std::string_view reason) {
  ApiError error(status, std::string(reason));
  if (status == 503) error.with_code("shutting_down").with_header("Retry-After", "2");
  Response response = error_response(error);
  add_cors(head, response.headers);
  return response;
}

void ApiServer::finished(const RequestHead& head, int status, uint64_t sent_bytes, double seconds) {
  const auto route = std::ranges::find_if(routes(), [&](const Route& each) { return each.matches(head.path); });
  const std::string_view path = route == routes().end() ? kOther : route->path;
  const bool is_known = std::ranges::find(kMethods, head.method) != kMethods.end();
  metrics_.note_request(is_known ? head.method : kOther, path, status, seconds);
  const bool is_probe = path == "/health" || path == "/metrics";
  const auto level = is_probe && status == 200 ? spdlog::level::debug : spdlog::level::info;
  spdlog::log(level, "[http] id={} client={} method={} path={} status={} bytes={} seconds={:.4f}", head.id,
              head.address, head.method, logged(head.path), status, sent_bytes, seconds);
}

}  // namespace quandex::server
