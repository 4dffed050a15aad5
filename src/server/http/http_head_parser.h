// Reads the head of an HTTP/1 request as its bytes come (RFC 9112). Pure: no sockets, no clock. What it says depends on
// the bytes alone, never on how they were cut, and a fault is found with the byte that makes it one.
//
// Ours rather than Beast's, which looks at a head that comes in pieces only when all of it is there (so garbage would
// be answered by a timeout), joins folded lines, takes trailers for headers and does not tell 400, 414, 431, 501 and
// 505 apart. Where the RFCs leave a choice the stricter one is taken, for what two parsers read differently is how
// requests are smuggled: lines end with CR LF, no folding, one Content-Length, one Host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_fault.h"
#include "server/http/http_message.h"

namespace quandex::server {

struct ParsedHead {
  RequestHead head;  // without address; `id` is the client's, or ""
  int minor_version = 1;
  bool keeps_alive = true;        // as version and Connection header say
  bool expects_continue = false;  // "Expect: 100-continue" of HTTP/1.1
};

class HeadParser {
 public:
  explicit HeadParser(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // Takes bytes up to the end of the head or to the first fault and returns how many.
  size_t feed(std::string_view bytes);

  bool has_begun() const { return has_begun_; }  // a byte came that is no empty line before the request line
  bool is_done() const { return is_done_; }
  const std::optional<HttpFault>& fault() const { return fault_; }

  // Complete when is_done(); with a fault, what was understood before it.
  ParsedHead& parsed() { return parsed_; }

 private:
  void take(char c);
  void take_line();
  void read_request_line();
  void read_field();
  void finish();
  void check_host();
  void check_framing();
  void check_expectation();
  void read_connection();
  void fail(int status, std::string reason);

  uint64_t most_bytes_;
  uint64_t n_bytes_ = 0;
  std::string line_;  // without its end
  bool has_request_line_ = false, has_begun_ = false, is_done_ = false, is_after_cr_ = false;
  std::optional<std::string> authority_;  // of an absolute target
  std::optional<HttpFault> fault_;
  ParsedHead parsed_;
};

// The name and value of "name: value". A fault where the line is none, a folded one among them.
std::optional<HttpFault> read_field_line(std::string_view line, std::string_view& name, std::string_view& value);

}  // namespace quandex::server
