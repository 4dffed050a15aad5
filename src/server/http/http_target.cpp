#include "server/http/http_target.h"

#include <algorithm>

#include "base/utf8.h"
#include "server/http/http_text.h"

namespace quandex::server {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::optional<HttpFault> decode_path(std::string_view text, std::string& path) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return HttpFault{400, "the path has a % that two hexadecimal digits do not follow"};
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (std::ranges::any_of(path, is_control)) return HttpFault{400, "the path has an escaped control character"};
  if (!is_valid_utf8(path)) return HttpFault{400, "the path is not UTF-8"};
  return std::nullopt;
}

// The length of "http://" or "https://" at the start; 0: neither.
size_t scheme_length(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equal_ignoring_case(text.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

}  // namespace

std::optional<HttpFault> read_target(std::string_view method, std::string_view text, HttpTarget& target) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7F && c != '#'; };
  if (text.empty() || !std::ranges::all_of(text, is_visible)) {
    return HttpFault{400, "the request's target has characters that must be escaped"};
  }
  if (text == "*" && method == "OPTIONS") {
    target.path.assign(1, '*');
    return std::nullopt;
  }
  if (const size_t scheme = scheme_length(text); scheme > 0) {
    text.remove_prefix(scheme);
    const size_t end = std::min(text.find_first_of("/?"), text.size());
    target.authority = text.substr(0, end);
    if (end == 0 || !is_host_value(text.substr(0, end))) {
      return HttpFault{400, "the request's target names no valid host"};
    }
    text.remove_prefix(end);
  } else if (text.front() != '/') {
    return HttpFault{400, "the request's target is neither a path nor an http URL"};
  }
  const size_t question = std::min(text.find('?'), text.size());
  target.query = text.substr(std::min(question + 1, text.size()));
  if (question == 0) {
    target.path.assign(1, '/');
    return std::nullopt;
  }
  return decode_path(text.substr(0, question), target.path);
}

bool is_host_value(std::string_view text) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) return false;
  const std::string_view inside = bracket > 0 ? text.substr(1, bracket - 1) : "";
  if (bracket > 0 && inside.find_first_not_of("0123456789abcdefABCDEF:.v") != inside.npos) return false;
  if (bracket > 0 && inside.empty()) return false;
  std::string_view rest = bracket > 0 ? text.substr(bracket + 1) : text;
  const size_t colon = std::min(rest.find(':'), rest.size());
  const std::string_view port = rest.substr(std::min(colon + 1, rest.size()));
  const auto is_name_char = [](char c) {
    constexpr std::string_view kMore = "();=", kLess = "#^`|";  // than tokens have
    return is_token({&c, 1}) ? kLess.find(c) == kLess.npos : kMore.find(c) != kMore.npos;
  };
  if (bracket > 0 && colon != 0 && !rest.empty()) return false;
  return std::ranges::all_of(rest.substr(0, colon), is_name_char) && std::ranges::all_of(port, is_digit);
}

}  // namespace quandex::server
