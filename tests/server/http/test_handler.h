// A handler for tests of the HTTP front: it echoes unless a test wants otherwise, and keeps what it was told.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/http/http_message.h"

namespace quandex::server {

struct Finished {
  std::string method, path, id;
  int status = 0;
  uint64_t sent_bytes = 0;
};

// A function that one thread sets while others call it.
template <typename Signature>
class Hook;
template <typename Result, typename... Args>
class Hook<Result(Args...)> {
 public:
  Hook& operator=(std::function<Result(Args...)> function) {
    const std::lock_guard lock(mutex_);
    function_ = std::move(function);
    return *this;
  }
  std::function<Result(Args...)> get() const {
    const std::lock_guard lock(mutex_);
    return function_;
  }

 private:
  mutable std::mutex mutex_;
  std::function<Result(Args...)> function_;
};

class TestHandler : public HttpHandler {
 public:
  Hook<std::optional<Response>(const RequestHead&)> on_check;
  Hook<void(std::shared_ptr<Exchange>)> on_handle;
  Hook<void()> on_refusal;

  std::optional<Response> check_head(const RequestHead& head) override {
    const auto check = on_check.get();
    return check ? check(head) : std::nullopt;
  }

  void handle(std::shared_ptr<Exchange> exchange) override {
    if (const auto handle = on_handle.get()) return handle(std::move(exchange));
    exchange->respond(echo(*exchange));
  }

  Response refusal(const RequestHead&, int status, std::string_view reason) override {
    if (const auto refuse = on_refusal.get()) refuse();
    const std::lock_guard lock(mutex_);
    refusals_.push_back(status);
    return {status, {{"Content-Type", "text/plain"}}, std::string(reason)};
  }

  void finished(const RequestHead& head, int status, uint64_t sent_bytes, double) override {
    const std::lock_guard lock(mutex_);
    finished_.push_back({head.method, head.path, head.id, status, sent_bytes});
  }

  static Response echo(const Exchange& exchange) {
    const RequestHead& head = exchange.head();
    return {200,
            {{"Content-Type", "text/plain"}},
            head.method + " " + head.path + "?" + head.query + "\n" + exchange.body()};
  }

  std::vector<Finished> all_finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }
  std::vector<int> all_refusals() const {
    const std::lock_guard lock(mutex_);
    return refusals_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Finished> finished_;
  std::vector<int> refusals_;
};

// Waits until something holds, for ten seconds at most.
template <typename Claim>
bool becomes_true(Claim claim) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!claim()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace quandex::server
