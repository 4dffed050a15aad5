#include "server/http_message.h"

#include <algorithm>

namespace quandex::server {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::optional<std::string_view> RequestHead::header(std::string_view name) const {
  const auto is_named = [name](const auto& header) { return std::ranges::equal(header.first, name, {}, lower, lower); };
  const auto found = std::ranges::find_if(headers, is_named);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

}  // namespace quandex::server
