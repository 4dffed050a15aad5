// The HTTP/1 front: sockets, connections, timeouts and limits. A few I/O threads serve any number of connections; each
// connection is one coroutine on its own strand. Boost is included by http_server.cpp alone; what needs no sockets
// stands in the files beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/http/http_message.h"

namespace quandex::server {

struct HttpOptions {
  std::string host = "127.0.0.1";  // an address, or a name that is resolved at start
  int port = 8080;                 // 0: one that is free
  int n_threads = 2;
  int most_connections = 1024;            // further ones wait in the system's queue
  uint64_t most_header_bytes = 16 << 10;  // request line and headers
  uint64_t most_body_bytes = 16 << 20;    // declared or counted
  uint64_t most_queued_bytes = 1 << 20;   // of a stream that its client does not read; then the client counts as gone
  int header_timeout_ms = 10'000;         // from the first byte of a request to the end of its head
  int body_timeout_ms = 30'000;           // without a byte of the body
  int idle_timeout_ms = 75'000;           // between requests of a connection
  int write_timeout_ms = 30'000;          // without a byte taken by the client
};

struct HttpCounters {
  uint64_t n_accepted = 0;  // connections so far
  int n_open = 0;           // connections now
  int n_in_flight = 0;      // requests being answered
};

class HttpServer {
 public:
  // Binds and listens; nothing is accepted before start(). The handler must outlive the server. Throws Error{io} naming
  // host and port, Error{invalid_argument} for options out of range.
  HttpServer(const HttpOptions& options, HttpHandler& handler);
  ~HttpServer();  // as stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;  // the one bound
  HttpCounters counters() const;

  void start();

  // Serves a connected stream socket that came another way, and owns it from here on. Also before start(). Throws
  // Error{io}, and the socket stays the caller's.
  void adopt(int descriptor);

  // Accepts no more and closes idle connections; requests under way are answered, and their connections closed behind
  // the answer.
  void drain();

  // Ends every connection as it is and joins the threads. Not to be called by the handler, whose thread would wait for
  // itself.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  int port_ = 0;
};

}  // namespace quandex::server
