#include "text/charsmap.h"

#include "base/error.h"
#include "base/utf8.h"

namespace quandex {
namespace {

uint32_t read_u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  return value;
}

// A unit is a node that was reached by its label, and says how far its children are; or, below a node with a value,
// the value.
uint32_t label_of(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }
bool has_value(uint32_t unit) { return (unit >> 8 & 1u) != 0; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFFu; }

}  // namespace

Charsmap::Charsmap(std::string_view bytes, std::string_view source) {
  const size_t n_units_bytes = bytes.size() < 4 ? 0 : read_u32(bytes, 0);
  if (n_units_bytes == 0 || n_units_bytes % 4 != 0 || n_units_bytes > bytes.size() - 4)
    throw Error(ErrorCode::invalid_file, "{}: the charsmap of {} bytes says {} for its table, expected a table in it",
                source, bytes.size(), n_units_bytes);
  units_.resize(n_units_bytes / 4);
  for (size_t i = 0; i < units_.size(); ++i) units_[i] = read_u32(bytes, 4 + 4 * i);
  replacements_ = bytes.substr(4 + n_units_bytes);
  if (!is_valid_utf8(replacements_))
    throw Error(ErrorCode::invalid_file, "{}: the charsmap's texts are no UTF-8", source);
}

std::optional<Charsmap::Match> Charsmap::find(std::string_view text, bool shortest) const {
  std::optional<Match> found;
  size_t at = offset_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) break;
    const uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_value(unit)) continue;
    if (at >= units_.size()) break;
    const size_t begin = value_of(units_[at]);
    if (begin > replacements_.size()) break;
    const size_t end = replacements_.find('\0', begin);
    found = Match{i + 1, std::string_view(replacements_).substr(begin, end == std::string::npos ? end : end - begin)};
    if (shortest) break;
  }
  return found;
}

}  // namespace quandex
