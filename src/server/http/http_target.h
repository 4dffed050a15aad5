// The target of a request line (RFC 9112, section 3.2) and the Host header's value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_fault.h"

namespace quandex::server {

struct HttpTarget {
  std::string path;   // percent-decoded, valid UTF-8 without control characters; begins with '/', or is "*" for OPTIONS
  std::string query;  // as written, without '?'
  std::optional<std::string> authority;  // of the absolute form, "host:port": stands for the Host header
};

// Takes the origin form "/path?query", the absolute form "http://host/path?query" and "OPTIONS *". Segments such as
// ".." are left as they are: nothing here is a file.
std::optional<HttpFault> read_target(std::string_view method, std::string_view text, HttpTarget& target);

// Whether a Host header may have this value: a name or address with or without a port, or nothing.
bool is_host_value(std::string_view text);

}  // namespace quandex::server
