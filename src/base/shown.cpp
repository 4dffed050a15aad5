#include "base/shown.h"

#include "base/utf8.h"

namespace quandex {

std::string shown(std::string_view name) {
  constexpr size_t kMaxShown = 100;
  std::string out;
  for (const char c : name.substr(0, kMaxShown)) out += static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c;
  out = to_valid_utf8(out);
  if (name.size() > kMaxShown) out += "...";
  return out;
}

}  // namespace quandex
