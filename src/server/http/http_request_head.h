// What the front asks of a request's head beyond the grammar, and what it learns from it. Pure. Where the RFCs leave a
// choice the stricter one is taken, for what two servers read differently is how requests are smuggled: one Host, one
// Content-Length of one number, no Content-Length beside Transfer-Encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_fault.h"
#include "server/http/http_message.h"

namespace quandex::server {

struct ParsedHead {
  RequestHead head;  // without address; `id` is the client's, or ""
  int minor_version = 1;
  bool keeps_alive = true;               // as version and Connection header say
  bool expects_continue = false;         // "Expect: 100-continue" of HTTP/1.1
  std::optional<std::string> authority;  // of an absolute target
};

// Checks a request line that is well formed, and sets method, path, query and authority.
std::optional<HttpFault> read_request_line(std::string_view method, std::string_view target, ParsedHead& parsed);

// Appends a header; takes the client's request id from it, if there is a harmless one.
void add_header(std::string_view name, std::string_view value, ParsedHead& parsed);

// Checks the headers together, once all are there, the version, body_bytes and is_chunked are set, and sets the rest.
std::optional<HttpFault> check_headers(ParsedHead& parsed);

}  // namespace quandex::server
