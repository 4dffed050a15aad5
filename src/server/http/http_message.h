// Requests and answers as the rest of the server sees them: no sockets, no library's types.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quandex::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The request line and the headers, checked by the HTTP front: names are tokens, values have no control characters but
// may have bytes that are no UTF-8.
struct RequestHead {
  std::string method;   // GET, HEAD (answered as GET, the front leaves the body out), POST, PUT, DELETE, PATCH, OPTIONS
  std::string path;     // percent-decoded, without the query: UTF-8 that begins with '/'; "*" of "OPTIONS *"
  std::string query;    // as written, without '?'; may be ""
  Headers headers;      // in order, those of one name together; names as written
  std::string address;  // of the client, without the port
  std::string id;       // x-request-id: the client's where it has one that is harmless in a log, else made here
  uint64_t body_bytes = 0;  // as declared; 0 where chunked or none
  bool is_chunked = false;
  bool has_body() const { return is_chunked || body_bytes > 0; }

  // The first header of that name, whatever its case.
  std::optional<std::string_view> header(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;  // content-type among them; the front adds length, date, connection and x-request-id
  std::string body;
};

// One request and the place for its answer. The front makes it, the handler keeps it as long as it likes. All functions
// may be called by any thread, return at once, and do nothing once the exchange has ended: answered in full, or the
// client gone. A handler that lets go of the last reference without an answer ends the connection with 500.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& head() const = 0;
  virtual const std::string& body() const = 0;
  virtual void release_body() = 0;  // the handler has read it: its memory is wanted for other things

  // A whole answer.
  virtual void respond(Response response) = 0;

  // An answer in pieces of unknown length: head first (status, headers), then pieces, each of which is flushed to the
  // socket as it comes, then the end. HTTP/1.1 clients get it chunked, HTTP/1.0 ones until the connection closes.
  virtual void begin_stream(Response head) = 0;
  virtual void write(std::string piece) = 0;
  virtual void end_stream() = 0;

  // The client went away (the end of what it sends counts as that), read too slowly, or the server stops: nobody reads
  // what is written from here on.
  virtual bool is_gone() const = 0;

  // Called once, by any thread, when the client has gone before the answer was complete; at once where it has already.
  virtual void on_gone(std::function<void()> callback) = 0;
};

// What the front asks of the application. All functions are called on I/O threads, at the same time for different
// connections, and must not block.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // The head has arrived, the body has not been read: an answer refuses the request (unknown path, method, key, type or
  // length of body). The body is then neither asked for (Expect: 100-continue) nor read, and the connection closed if
  // there is one.
  virtual std::optional<Response> check_head(const RequestHead& head) = 0;

  // The whole request.
  virtual void handle(std::shared_ptr<Exchange> exchange) = 0;

  // The answer to a request that never came to be one: bad syntax (400), too slow (408), too long a body (413), target
  // (414) or head (431), an expectation other than 100-continue (417), a version, method or transfer coding that is not
  // known (501, 505), the server drains (503); and to one whose handler failed or let go of it (500). It is sent as it
  // is and the connection closed. `head` has what was understood.
  virtual Response refusal(const RequestHead& head, int status, std::string_view reason) = 0;

  // A request has ended. Called once for each that check_head() or refusal() saw, however it ended, so logs and metrics
  // need no other place. `status` 499: the client went away before the answer began; `sent_bytes`: of the answer, its
  // head and framing included; `seconds`: since the request's first byte.
  virtual void finished(const RequestHead& head, int status, uint64_t sent_bytes, double seconds) = 0;
};

}  // namespace quandex::server
