// Claims about whole texts, as Python's str makes them.
#pragma once

#include <string_view>

#include "text/jinja/python_text.h"

namespace quandex::jinja {

// Not empty and of such characters only.
template <bool (*is_so)(char32_t)>
bool all_characters(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (!is_so(next_character(text, i))) return false;
  }
  return !text.empty();
}

bool is_alphanumeric(char32_t c);
bool is_lower_text(std::string_view text);  // str.islower
bool is_upper_text(std::string_view text);
bool is_title_text(std::string_view text);
bool is_identifier_text(std::string_view text);
bool is_ascii_text(std::string_view text);
bool is_printable_text(std::string_view text);

}  // namespace quandex::jinja
