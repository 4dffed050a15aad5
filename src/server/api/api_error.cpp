#include "server/api/api_error.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "server/api/json_text.h"

namespace quandex::server {
namespace {

constexpr int kBadRequest = 400, kServerError = 500, kUnavailable = 503;

Json or_null(const std::optional<std::string>& text) { return text ? Json(to_valid_utf8(*text)) : Json(); }

// The text with each absolute path cut down to its last part: folders are the machine's own.
std::string without_folders(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find_first_of(" \t\n", i), text.size());
    const std::string_view word = text.substr(i, end - i);
    const size_t begin = word.find_first_not_of("('\"");
    const bool is_path = begin != std::string_view::npos && word[begin] == '/';
    if (is_path) out += word.substr(0, begin);
    out += is_path ? word.substr(word.rfind('/') + 1) : word;
    if (end < text.size()) out += text[end];
    i = end + 1;
  }
  return out;
}

ApiError server_error() { return {kServerError, "the server failed to answer; its log says more"}; }

}  // namespace

ApiError api_error_of(const Error& error) {
  if (error.code() == ErrorCode::unavailable)
    return ApiError(kUnavailable, error.what()).with_code("shutting_down").with_header("Retry-After", "2");
  const bool is_of_request = error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::unsupported;
  if (!is_of_request) return server_error();
  ApiError result(kBadRequest, without_folders(error.what()));
  return result.with_code("invalid_value");
}

ApiError template_error_of(const Error& error) {
  const bool is_of_machine = error.code() == ErrorCode::io || error.code() == ErrorCode::device ||
                             error.code() == ErrorCode::out_of_memory || error.code() == ErrorCode::not_found;
  if (is_of_machine) return server_error();
  ApiError result(kBadRequest, "the chat template cannot render these messages: " + without_folders(error.what()));
  return result.with_param("messages").with_code("invalid_value");
}

Json error_body(const ApiError& error) {
  Json body = Json::object();
  body["message"] = to_valid_utf8(error.what());
  body["type"] = error.type;
  body["param"] = or_null(error.param);
  body["code"] = or_null(error.code);
  return {{"error", std::move(body)}};
}

Response error_response(const ApiError& error) {
  Response response;
  response.status = error.status;
  response.headers = error.headers;
  response.headers.emplace_back("content-type", "application/json");
  response.body = json_text(error_body(error));
  return response;
}

}  // namespace quandex::server
