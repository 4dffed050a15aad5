#include "server/http/http_message.h"

#include <algorithm>

#include "server/http/http_text.h"

namespace quandex::server {

std::optional<std::string_view> RequestHead::header(std::string_view name) const {
  const auto is_named = [name](const auto& header) { return equal_ignoring_case(header.first, name); };
  const auto found = std::ranges::find_if(headers, is_named);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

}  // namespace quandex::server
