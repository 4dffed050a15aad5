#include "server/http/http_head_parser.h"

#include <algorithm>
#include <array>
#include <limits>

#include "server/http/http_target.h"
#include "server/http/http_text.h"

namespace quandex::server {
namespace {

constexpr size_t kMostFields = 200;

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

// Ends of lines are looked at apart.
bool is_forbidden(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

bool is_harmless_id(std::string_view id) {
  const auto is_harmless = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, is_harmless);
}

// A number beyond 64 bits is as good as the greatest: too much in any case.
std::optional<uint64_t> read_length(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  uint64_t length = 0;
  for (const char c : text) {
    const auto digit = static_cast<uint64_t>(c - '0');
    length = length > (kMost - digit) / 10 ? kMost : length * 10 + digit;
  }
  return length;
}

}  // namespace

size_t HeadParser::feed(std::string_view bytes) {
  size_t n_taken = 0;
  while (n_taken < bytes.size() && !is_done_ && !fault_) take(bytes[n_taken++]);
  return n_taken;
}

void HeadParser::take(char c) {
  if (++n_bytes_ > most_bytes_) {
    if (has_request_line_) return fail(431, "the request's headers are too large");
    return fail(414, "the request's target is too long");
  }
  if (is_after_cr_) {
    if (c != '\n') return fail(400, "a carriage return stands alone in the request's head");
    is_after_cr_ = false;
    return take_line();
  }
  if (c == '\r') {
    is_after_cr_ = true;
  } else if (c == '\n') {
    fail(400, "a line of the request's head ends without a carriage return");
  } else if (is_forbidden(c)) {
    fail(400, "the request's head has a control character");
  } else {
    has_begun_ = true;
    line_ += c;
  }
}

void HeadParser::take_line() {
  if (!has_request_line_) {
    if (!line_.empty()) read_request_line();  // RFC 9112, section 2.2: empty lines before a request are passed over
  } else if (line_.empty()) {
    finish();
  } else {
    read_field();
  }
  line_.clear();
}

void HeadParser::read_request_line() {
  const std::string_view line = line_;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  RequestHead& head = parsed_.head;
  if (!is_token(line.substr(0, first)) || first == line.npos || first == last) {
    return fail(400, "the request line is not METHOD TARGET VERSION");
  }
  head.method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7])) {
    return fail(400, "the request line does not end with a version of HTTP");
  }
  if (version[5] != '1') return fail(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  parsed_.minor_version = version[7] == '0' ? 0 : 1;  // a later 1.x is answered as 1.1 (RFC 9110, section 2.5)
  has_request_line_ = true;
  if (std::ranges::find(kMethods, head.method) == kMethods.end()) {
    return fail(501, "the method is not known here");
  }
  HttpTarget target;
  if (const auto fault = read_target(head.method, line.substr(first + 1, last - first - 1), target)) {
    return fail(fault->status, fault->reason);
  }
  head.path = std::move(target.path);
  head.query = std::move(target.query);
  authority_ = std::move(target.authority);
}

void HeadParser::read_field() {
  std::string_view name, value;
  if (const auto fault = read_field_line(line_, name, value)) return fail(fault->status, fault->reason);
  Headers& headers = parsed_.head.headers;
  if (headers.size() == kMostFields) return fail(431, "the request has too many headers");
  if (equal_ignoring_case(name, "x-request-id") && parsed_.head.id.empty() && is_harmless_id(value)) {
    parsed_.head.id = value;
  }
  headers.emplace_back(name, value);
}

void HeadParser::finish() {
  check_host();
  if (!fault_) check_framing();
  if (!fault_) check_expectation();
  if (fault_) return;
  read_connection();
  is_done_ = true;
}

void HeadParser::check_host() {
  int n_hosts = 0;
  for (auto& [name, value] : parsed_.head.headers) {
    if (!equal_ignoring_case(name, "host")) continue;
    if (++n_hosts > 1) return fail(400, "the request has two Host headers");
    if (!is_host_value(value)) return fail(400, "the Host header is not valid");
    if (authority_) value = *authority_;  // RFC 9112, section 3.2.2
  }
  if (n_hosts == 0 && parsed_.minor_version > 0) fail(400, "the request has no Host header");
}

void HeadParser::check_framing() {
  RequestHead& head = parsed_.head;
  std::optional<uint64_t> length;
  bool has_encoding = false, is_known = true;
  int n_codings = 0;
  for (const auto& [name, value] : head.headers) {
    if (equal_ignoring_case(name, "content-length")) {
      if (length) return fail(400, "the request has two Content-Length headers");
      length = read_length(value);
      if (!length) return fail(400, "the Content-Length header is not a number");
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      has_encoding = true;
      for_each_element(value, [&](std::string_view coding) {
        ++n_codings;
        is_known = is_known && equal_ignoring_case(coding, "chunked");
      });
    }
  }
  head.body_bytes = length.value_or(0);
  if (!has_encoding) return;
  if (length) return fail(400, "the request has both Content-Length and Transfer-Encoding");
  if (parsed_.minor_version == 0) return fail(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!is_known) return fail(501, "only the transfer coding chunked is known here");
  if (n_codings != 1) return fail(400, "the Transfer-Encoding header must be chunked, once");
  head.is_chunked = true;
}

void HeadParser::check_expectation() {
  for (const auto& [name, value] : parsed_.head.headers) {
    if (!equal_ignoring_case(name, "expect")) continue;
    for_each_element(value, [&](std::string_view expectation) {
      if (!equal_ignoring_case(expectation, "100-continue")) {
        return fail(417, "only the expectation 100-continue can be met");
      }
      parsed_.expects_continue = parsed_.minor_version > 0;  // RFC 9110, section 10.1.1: not of HTTP/1.0
    });
  }
}

void HeadParser::read_connection() {
  bool says_close = false, says_keep_alive = false;
  for (const auto& [name, value] : parsed_.head.headers) {
    if (!equal_ignoring_case(name, "connection")) continue;
    for_each_element(value, [&](std::string_view option) {
      says_close = says_close || equal_ignoring_case(option, "close");
      says_keep_alive = says_keep_alive || equal_ignoring_case(option, "keep-alive");
    });
  }
  parsed_.keeps_alive = !says_close && (parsed_.minor_version > 0 || says_keep_alive);
}

void HeadParser::fail(int status, std::string reason) {
  if (!fault_) fault_ = HttpFault{status, std::move(reason)};
}

std::optional<HttpFault> read_field_line(std::string_view line, std::string_view& name, std::string_view& value) {
  if (line.starts_with(' ') || line.starts_with('\t')) return HttpFault{400, "a header is folded into several lines"};
  const size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    return HttpFault{400, "a header has no name before a colon"};
  }
  name = line.substr(0, colon);
  value = trimmed(line.substr(colon + 1));
  return std::nullopt;
}

}  // namespace quandex::server
