// A server with a TestHandler on a port of its own, started by the first connection.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_server.h"
#include "server/http/raw_client.h"
#include "server/http/test_handler.h"

namespace quandex::server {

inline constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

struct HttpServerTest : testing::Test {
  TestHandler handler;
  HttpOptions options;
  std::optional<HttpServer> server;

  HttpServerTest() { options.port = 0; }

  RawClient connect() {
    if (!server) {
      server.emplace(options, handler);
      server->start();
    }
    return RawClient(server->port());
  }

  // The status of the answer to these bytes, sent on a connection of their own; 0: none comes.
  int status_of(std::string_view bytes) {
    RawClient client = connect();
    client.send(bytes);
    const auto answer = client.answer();
    return answer ? answer->status : 0;
  }

  // The status that finished() was told last, once it was told that often; -1: it was not.
  int status_finished(size_t n_finished = 1) {
    if (!becomes_true([&] { return handler.all_finished().size() >= n_finished; })) return -1;
    const auto finished = handler.all_finished();
    return finished.size() == n_finished ? finished.back().status : -1;
  }
};

// Keeps the exchanges that it is given.
class Shelf {
 public:
  void put(std::shared_ptr<Exchange> exchange) {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(exchange));
  }
  // The exchange of that number, once it has come; null: it does not come.
  std::shared_ptr<Exchange> get(size_t number = 0) {
    becomes_true([&] { return size() > number; });
    const std::lock_guard lock(mutex_);
    return exchanges_.size() > number ? exchanges_[number] : nullptr;
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return exchanges_.size();
  }
  void clear() {
    std::vector<std::shared_ptr<Exchange>> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(exchanges_);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Exchange>> exchanges_;  // the front's too, until it has let go
};

}  // namespace quandex::server
