// What stands between the front and what its user gives it: a handler that may throw, options that may be nonsense.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "server/http/http_exchange.h"
#include "server/http/http_message.h"
#include "server/http/http_server.h"

namespace quandex::server {

// Throws Error{invalid_argument} that names the option.
void check_options(const HttpOptions& options);

// The functions of a handler. What they throw is logged and answered with 500: it is the fault of one request.
class GuardedHandler {
 public:
  explicit GuardedHandler(HttpHandler& handler) : handler_(handler) {}

  std::optional<Response> check_head(const RequestHead& head) const;
  void handle(std::shared_ptr<Exchange> exchange, AnswerQueue& queue) const;  // `queue`: the exchange's
  Response refusal(const RequestHead& head, int status, std::string_view reason) const;
  void finished(const RequestHead& head, int status, uint64_t sent_bytes, double seconds) const;

 private:
  HttpHandler& handler_;
};

}  // namespace quandex::server
