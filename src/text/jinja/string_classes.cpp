#include "text/jinja/string_classes.h"

#include <algorithm>

namespace quandex::jinja {
namespace {

// Has a cased character and none of the other case or of title case.
template <bool (*is_wanted)(char32_t), bool (*is_unwanted)(char32_t)>
bool is_of_case(std::string_view text) {
  bool has_cased = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    if (is_unwanted(c) || is_title(c)) return false;
    has_cased |= is_wanted(c);
  }
  return has_cased;
}

}  // namespace

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c); }

bool is_lower_text(std::string_view text) { return is_of_case<is_lower, is_upper>(text); }

bool is_upper_text(std::string_view text) { return is_of_case<is_upper, is_lower>(text); }

bool is_title_text(std::string_view text) {
  bool has_cased = false;
  bool is_after_cased = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    const bool starts_word = is_upper(c) || is_title(c);
    if (starts_word ? is_after_cased : (is_lower(c) && !is_after_cased)) return false;
    is_after_cased = starts_word || is_lower(c);
    has_cased |= is_after_cased;
  }
  return has_cased;
}

bool is_identifier_text(std::string_view text) {
  if (text.empty()) return false;
  size_t i = 0;
  if (!is_identifier_start(next_character(text, i))) return false;
  return i == text.size() || all_characters<is_identifier_part>(text.substr(i));
}

bool is_ascii_text(std::string_view text) {
  unsigned bits = 0;  // of all bytes, without a branch: compilers make a vector loop of it
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return bits < 0x80;
}

bool is_printable_text(std::string_view text) { return text.empty() || all_characters<is_printable>(text); }

}  // namespace quandex::jinja
