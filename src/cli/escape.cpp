#include "cli/escape.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/utf8.h"

namespace quandex::cli {

std::string escaped(std::string_view text, size_t max_characters) {
  std::string shown;
  for (size_t n = 0; !text.empty(); ++n) {
    if (n == max_characters) return shown + "…";
    const DecodedCodepoint c = decode_utf8(text);
    const std::string_view bytes = text.substr(0, static_cast<size_t>(c.n_bytes));
    text.remove_prefix(bytes.size());
    const bool is_control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);
    if (c.value == '\n') {
      shown += "\\n";
    } else if (c.value == '\t') {
      shown += "\\t";
    } else if (!c.is_valid || is_control) {
      for (const char byte : bytes) shown += fmt::format("\\x{:02x}", static_cast<uint8_t>(byte));
    } else {
      shown += bytes;
    }
  }
  return shown;
}

}  // namespace quandex::cli
