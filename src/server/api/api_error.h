// What a client is told when its request cannot be honoured: OpenAI's shape, on every path.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "server/http/http_message.h"

namespace quandex::server {

class ApiError : public std::runtime_error {
 public:
  ApiError(int status, const std::string& message)
      : std::runtime_error(message), status(status), type(status >= 500 ? "server_error" : "invalid_request_error") {}

  int status;
  std::string type;                  // who is at fault, as the status says
  std::optional<std::string> param;  // "messages[0].role": the field that is wrong
  std::optional<std::string> code;   // "context_length_exceeded"
  Headers headers;                   // Retry-After, Allow, WWW-Authenticate

  ApiError& with_param(std::string name) { return param = std::move(name), *this; }
  ApiError& with_code(std::string name) { return code = std::move(name), *this; }
  ApiError& with_header(std::string name, std::string value) {
    return headers.emplace_back(std::move(name), std::move(value)), *this;
  }
};

// An engine's or template's error: 400 for what the request asked for, 500 without details that are the machine's own
// for the rest.
ApiError api_error_of(const Error& error);

// An error of ChatTemplate::render. What fails in a template is one of its conversations until shown otherwise: 400
// with param "messages", where api_error_of would say 500.
ApiError template_error_of(const Error& error);

// {"error": {"message", "type", "param", "code"}}; param and code are strings or null.
Json error_body(const ApiError& error);
Response error_response(const ApiError& error);

}  // namespace quandex::server
