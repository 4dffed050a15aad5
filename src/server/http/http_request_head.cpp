#include "server/http/http_request_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/http/http_target.h"
#include "server/http/http_text.h"

namespace quandex::server {
namespace {

using Fault = std::optional<HttpFault>;

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

bool is_harmless_id(std::string_view id) {
  const auto is_harmless = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, is_harmless);
}

Fault check_host(ParsedHead& parsed) {
  int n_hosts = 0;
  for (auto& [name, value] : parsed.head.headers) {
    if (!equal_ignoring_case(name, "host")) continue;
    if (++n_hosts > 1) return HttpFault{400, "the request has two Host headers"};
    if (!is_host_value(value)) return HttpFault{400, "the Host header is not valid"};
    if (parsed.authority) value = *parsed.authority;  // RFC 9112, section 3.2.2
  }
  if (n_hosts == 0 && parsed.minor_version > 0) return HttpFault{400, "the request has no Host header"};
  return std::nullopt;
}

Fault check_framing(const ParsedHead& parsed) {
  int n_lengths = 0, n_codings = 0;
  bool has_encoding = false, is_known = true;
  for (const auto& [name, value] : parsed.head.headers) {
    if (equal_ignoring_case(name, "content-length")) {
      if (++n_lengths > 1) return HttpFault{400, "the request has two Content-Length headers"};
      if (!std::ranges::all_of(value, is_digit)) return HttpFault{400, "the Content-Length header is not a number"};
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      has_encoding = true;
      for_each_element(value, [&](std::string_view coding) {
        ++n_codings;
        is_known = is_known && equal_ignoring_case(coding, "chunked");
      });
    }
  }
  if (!has_encoding) return std::nullopt;
  if (n_lengths > 0) return HttpFault{400, "the request has both Content-Length and Transfer-Encoding"};
  if (parsed.minor_version == 0) return HttpFault{400, "HTTP/1.0 has no Transfer-Encoding"};
  if (!is_known) return HttpFault{501, "only the transfer coding chunked is known here"};
  // What is read as chunked here must be what the parser reads as chunked.
  if (n_codings == 1 && parsed.head.is_chunked) return std::nullopt;
  return HttpFault{400, "the Transfer-Encoding header must be chunked, once"};
}

Fault check_expectation(ParsedHead& parsed) {
  bool is_met = true;
  for (const auto& [name, value] : parsed.head.headers) {
    if (!equal_ignoring_case(name, "expect")) continue;
    for_each_element(value, [&](std::string_view expectation) {
      is_met = is_met && equal_ignoring_case(expectation, "100-continue");
      parsed.expects_continue = parsed.minor_version > 0;  // RFC 9110, section 10.1.1: not of HTTP/1.0
    });
  }
  if (!is_met) return HttpFault{417, "only the expectation 100-continue can be met"};
  return std::nullopt;
}

void read_connection(ParsedHead& parsed) {
  bool says_close = false, says_keep_alive = false;
  for (const auto& [name, value] : parsed.head.headers) {
    if (!equal_ignoring_case(name, "connection")) continue;
    for_each_element(value, [&](std::string_view option) {
      says_close = says_close || equal_ignoring_case(option, "close");
      says_keep_alive = says_keep_alive || equal_ignoring_case(option, "keep-alive");
    });
  }
  parsed.keeps_alive = !says_close && (parsed.minor_version > 0 || says_keep_alive);
}

}  // namespace

Fault read_request_line(std::string_view method, std::string_view target, ParsedHead& parsed) {
  parsed.head.method = method;
  if (std::ranges::find(kMethods, method) == kMethods.end()) return HttpFault{501, "the method is not known here"};
  HttpTarget read;
  if (auto fault = read_target(method, target, read)) return fault;
  parsed.head.path = std::move(read.path);
  parsed.head.query = std::move(read.query);
  parsed.authority = std::move(read.authority);
  return std::nullopt;
}

void add_header(std::string_view name, std::string_view value, ParsedHead& parsed) {
  std::string& id = parsed.head.id;
  if (equal_ignoring_case(name, "x-request-id") && id.empty() && is_harmless_id(value)) id = value;
  parsed.head.headers.emplace_back(name, value);
}

Fault check_headers(ParsedHead& parsed) {
  if (auto fault = check_host(parsed)) return fault;
  if (auto fault = check_framing(parsed)) return fault;
  if (auto fault = check_expectation(parsed)) return fault;
  read_connection(parsed);
  return std::nullopt;
}

}  // namespace quandex::server
