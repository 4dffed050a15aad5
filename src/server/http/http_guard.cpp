#include "server/http/http_guard.h"

#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace quandex::server {
namespace {

constexpr std::string_view kInternalError = "internal error";

void log_failure(std::string_view what, const RequestHead& head, const std::exception& error) {
  LOG(error, "http", "{} {} {} {} failed: {}", head.id, what, head.method, head.path, error.what());
}

}  // namespace

void check_options(const HttpOptions& options) {
  const auto check = [](std::string_view name, auto value, auto least, auto most) {
    if (value >= least && value <= most) return;
    throw Error(ErrorCode::invalid_argument, "http: {} is {}, expected {} to {}", name, value, least, most);
  };
  check("port", options.port, 0, 65535);
  check("n_threads", options.n_threads, 1, 256);
  check("most_connections", options.most_connections, 1, 1 << 20);
  check("most_header_bytes", options.most_header_bytes, uint64_t{64}, uint64_t{1} << 24);
  check("most_body_bytes", options.most_body_bytes, uint64_t{0}, uint64_t{1} << 40);
  check("most_queued_bytes", options.most_queued_bytes, uint64_t{1}, uint64_t{1} << 40);
  constexpr int kDay = 24 * 60 * 60 * 1000;
  check("header_timeout_ms", options.header_timeout_ms, 1, kDay);
  check("body_timeout_ms", options.body_timeout_ms, 1, kDay);
  check("idle_timeout_ms", options.idle_timeout_ms, 1, kDay);
  check("write_timeout_ms", options.write_timeout_ms, 1, kDay);
}

std::optional<Response> GuardedHandler::check_head(const RequestHead& head) const {
  try {
    return handler_.check_head(head);
  } catch (const std::exception& error) {
    log_failure("the check of", head, error);
    return refusal(head, 500, kInternalError);
  }
}

void GuardedHandler::handle(std::shared_ptr<Exchange> exchange, AnswerQueue& queue) const {
  try {
    handler_.handle(std::move(exchange));
  } catch (const std::exception& error) {
    log_failure("the handling of", queue.head(), error);
    queue.respond(refusal(queue.head(), 500, kInternalError));
  }
}

Response GuardedHandler::refusal(const RequestHead& head, int status, std::string_view reason) const {
  try {
    return handler_.refusal(head, status, reason);
  } catch (const std::exception& error) {
    log_failure("the refusal of", head, error);
    return Response{status, {}, {}};
  }
}

void GuardedHandler::finished(const RequestHead& head, int status, uint64_t sent_bytes, double seconds) const {
  try {
    handler_.finished(head, status, sent_bytes, seconds);
  } catch (const std::exception& error) {
    log_failure("the record of", head, error);
  }
}

}  // namespace quandex::server
