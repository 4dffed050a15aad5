// Arbitrary bytes as what a client sends, over a socket to a server in this process. The answers must be HTTP to a
// reader of our own, one for each request that the handler was told of, in order; and the parser must say the same
// however the bytes are cut.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/utf8.h"
#include "server/http/http_request_parser.h"
#include "server/http/http_server.h"
#include "server/http/raw_client.h"

namespace {

using namespace quandex::server;

void require(bool claim) {
  if (!claim) std::abort();
}

struct Ending {
  bool is_head = false;  // answers HEAD
  int status = 0;
};

// Echoes, streams, throws or lets go, as the path says; at once, so that a client's end is never before its answers.
class FuzzHandler : public HttpHandler {
 public:
  std::optional<Response> check_head(const RequestHead& head) override {
    require(!head.path.empty() && (head.path[0] == '/' || (head.path == "*" && head.method == "OPTIONS")));
    require(quandex::is_valid_utf8(head.path) && !head.id.empty());
    const std::lock_guard lock(mutex_);
    ++n_checked_;
    if (head.path.starts_with("/n")) return Response{404, {{"Content-Type", "text/plain"}}, "none"};
    return std::nullopt;
  }

  void handle(std::shared_ptr<Exchange> exchange) override {
    const RequestHead& head = exchange->head();
    require(head.is_chunked || exchange->body().size() == head.body_bytes);
    {
      const std::lock_guard lock(mutex_);
      ++n_handled_;
    }
    Headers echoed = head.headers;
    echoed.resize(std::min<size_t>(echoed.size(), 1));  // one name once, so that the reader can insist on that
    if (head.path.starts_with("/d")) return;
    if (head.path.starts_with("/t")) throw std::runtime_error("as asked for");
    if (head.path.starts_with("/s")) {
      exchange->begin_stream({200, echoed, "begin"});
      exchange->write(exchange->body());
      return exchange->end_stream();
    }
    exchange->respond({head.path.starts_with("/2") ? 204 : 200, echoed, exchange->body()});
  }

  Response refusal(const RequestHead&, int status, std::string_view reason) override {
    require(status >= 400 && !reason.empty());
    return {status, {}, std::string(reason)};
  }

  void finished(const RequestHead& head, int status, uint64_t, double) override {
    const std::lock_guard lock(mutex_);
    endings_.push_back({head.method == "HEAD", status});
  }

  // What was told since the last call.
  std::vector<Ending> take_endings() {
    const std::lock_guard lock(mutex_);
    require(n_handled_ <= n_checked_ && n_checked_ <= endings_.size() && endings_.size() <= n_checked_ + 1);
    n_handled_ = n_checked_ = 0;
    return std::exchange(endings_, {});
  }

 private:
  std::mutex mutex_;
  size_t n_checked_ = 0, n_handled_ = 0;
  std::vector<Ending> endings_;
};

struct Server {
  FuzzHandler handler;
  std::optional<HttpServer> front;

  Server() {
    spdlog::set_level(spdlog::level::off);
    HttpOptions options;
    options.port = 0;
    options.n_threads = 1;
    options.most_header_bytes = 2000;
    options.most_body_bytes = 5000;
    front.emplace(options, handler);
    front->start();
  }
};

void check_connection(Server& server, std::string_view bytes) {
  std::array<int, 2> sockets{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
  RawClient client = RawClient::of_socket(sockets[1]);
  server.front->adopt(sockets[0]);
  const size_t cut = bytes.size() / 2;
  client.send(bytes.substr(0, cut));
  client.send(bytes.substr(cut));
  client.half_close();
  std::optional<std::string> answers = client.rest();
  require(answers.has_value());
  for (const Ending& ending : server.handler.take_endings()) {
    if (ending.status == 499) continue;  // it left while its body was awaited
    std::optional<RawAnswer> answer = take_answer(*answers, true, ending.is_head);
    if (answer && answer->status == 100) answer = take_answer(*answers, true, ending.is_head);
    require(answer && answer->status == ending.status && !answer->header("x-request-id").empty());
  }
  if (*answers == "HTTP/1.1 100 Continue\r\n\r\n") answers->clear();
  require(answers->empty());
}

// What the parser says of bytes that are cut at one place.
struct Reading {
  RequestParser parser{RequestLimits{2000, 5000}};
  size_t n_taken = 0;

  Reading(std::string_view bytes, size_t cut) {
    n_taken += parser.feed(bytes.substr(0, cut));
    if (begin_body()) n_taken += parser.feed(bytes.substr(n_taken, cut - n_taken));
    n_taken += parser.feed(bytes.substr(n_taken));
    if (begin_body()) n_taken += parser.feed(bytes.substr(n_taken));
  }

  bool begin_body() {
    if (!parser.head_is_done() || std::exchange(has_begun_body_, true)) return false;
    parser.begin_body();
    return true;
  }
  int status() const { return parser.fault() ? parser.fault()->status : parser.is_done() ? 200 : 0; }

 private:
  bool has_begun_body_ = false;
};

void check_cuts(std::string_view bytes) {
  Reading whole(bytes, bytes.size());
  const ParsedHead& head = whole.parser.parsed();
  if (whole.status() == 200) require(head.head.is_chunked || whole.parser.body().size() == head.head.body_bytes);
  const size_t step = std::max<size_t>(1, bytes.size() / 8);
  for (size_t cut = 0; cut < bytes.size(); cut += step) {
    Reading reading(bytes, cut);
    require(reading.n_taken == whole.n_taken && reading.status() == whole.status());
    require(reading.parser.parsed().head.headers == head.head.headers && reading.parser.body() == whole.parser.body());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Server server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_cuts(bytes);
  check_cuts("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(bytes));
  check_connection(server, bytes);
  return 0;
}
