#include "text/jinja/python_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/jinja/python_text_tables.h"

namespace quandex::jinja {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

template <size_t N>
bool is_in(const std::array<CodepointRange, N>& table, char32_t c) {
  const auto range = std::lower_bound(table.begin(), table.end(), c,
                                      [](const CodepointRange& entry, char32_t value) { return entry.last < value; });
  return range != table.end() && range->first <= c;
}

const SpecialCase* special_case(char32_t c) {
  const auto entry = std::lower_bound(kSpecialCases.begin(), kSpecialCases.end(), c,
                                      [](const SpecialCase& one, char32_t value) { return one.codepoint < value; });
  return entry != kSpecialCases.end() && entry->codepoint == c ? &*entry : nullptr;
}

void append_all(std::u32string_view characters, std::string& out) {
  for (const char32_t c : characters) append_utf8(c, out);
}

void append_upper(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  } else if (const SpecialCase* special = special_case(c)) {
    append_all(special->upper, out);
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
  }
}

void append_title(char32_t c, std::string& out) {
  if (c < 0x80) return append_upper(c, out);
  if (const SpecialCase* special = special_case(c)) return append_all(special->title, out);
  append_utf8(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))), out);
}

bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

// Characters that the rule of the final sigma looks through.
bool is_case_ignorable(char32_t c) {
  constexpr std::u32string_view kMidLetters =
      U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return kMidLetters.find(c) != std::u32string_view::npos;
  }
}

// Whether the capital sigma that ends at `end` is the last letter of its word.
bool is_final_sigma(std::string_view text, size_t begin, size_t end) {
  bool has_before = false;
  while (begin > 0) {
    const char32_t c = previous_character(text, begin);
    if (is_case_ignorable(c)) continue;
    has_before = is_cased(c);
    break;
  }
  if (!has_before) return false;
  while (end < text.size()) {
    const char32_t c = next_character(text, end);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

// The lower case of the character `c` of `text`, which lies from `begin` to `end`.
void append_lower(std::string_view text, size_t begin, size_t end, char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == 0x130) {
    out += "i\u0307";
  } else if (c == 0x3A3) {
    append_utf8(is_final_sigma(text, begin, end) ? 0x3C2 : 0x3C3, out);
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
}

// Calls visit(c, begin, end) for every character.
template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
  for (size_t end = 0; end < text.size();) {
    const size_t begin = end;
    const char32_t c = next_character(text, end);
    visit(c, begin, end);
  }
}

}  // namespace

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t byte_offset(std::string_view text, size_t character) {
  size_t offset = 0;
  for (; offset < text.size(); ++offset) {
    if ((static_cast<unsigned char>(text[offset]) & 0xC0) != 0x80 && character-- == 0) break;
  }
  return offset;
}

char32_t next_character(std::string_view text, size_t& offset) {
  const auto lead = static_cast<unsigned char>(text[offset]);
  if (lead < 0x80) return text.data()[offset++] & 0x7F;
  const DecodedCodepoint c = decode_utf8(text.substr(offset));
  offset += static_cast<size_t>(c.n_bytes);
  return c.value;
}

char32_t previous_character(std::string_view text, size_t& offset) {
  do {
    --offset;
  } while (offset > 0 && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80);
  size_t at = offset;
  return next_character(text, at);
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_alpha(char32_t c) {
  const utf8proc_category_t of_c = category(c);
  return of_c >= UTF8PROC_CATEGORY_LU && of_c <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) { return is_decimal(c) || is_in(kOtherDigit, c); }

bool is_numeric(char32_t c) {
  const utf8proc_category_t of_c = category(c);
  return of_c == UTF8PROC_CATEGORY_ND || of_c == UTF8PROC_CATEGORY_NL || of_c == UTF8PROC_CATEGORY_NO ||
         is_in(kOtherNumeric, c);
}

bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU || is_in(kOtherUpper, c); }

bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || is_in(kOtherLower, c); }

bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_identifier_start(char32_t c) { return c == '_' || is_alpha(c) || category(c) == UTF8PROC_CATEGORY_NL; }

bool is_identifier_part(char32_t c) {
  if (is_identifier_start(c)) return true;
  const utf8proc_category_t of_c = category(c);
  return of_c == UTF8PROC_CATEGORY_ND || of_c == UTF8PROC_CATEGORY_MN || of_c == UTF8PROC_CATEGORY_MC ||
         of_c == UTF8PROC_CATEGORY_PC || c == 0xB7;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t, size_t) { append_upper(c, out); });
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t begin, size_t end) { append_lower(text, begin, end, c, out); });
  return out;
}

std::string to_title(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool is_after_cased = false;
  for_each_character(text, [&](char32_t c, size_t begin, size_t end) {
    is_after_cased ? append_lower(text, begin, end, c, out) : append_title(c, out);
    is_after_cased = is_cased(c);
  });
  return out;
}

std::string to_capitalized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t begin, size_t end) {
    begin == 0 ? append_title(c, out) : append_lower(text, begin, end, c, out);
  });
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t begin, size_t end) {
    if (is_upper(c)) {
      append_lower(text, begin, end, c, out);
    } else if (is_lower(c)) {
      append_upper(c, out);
    } else {
      out += text.substr(begin, end - begin);
    }
  });
  return out;
}

std::string to_folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t begin, size_t end) {
    if (c < 0x80) return append_lower(text, begin, end, c, out);
    utf8proc_int32_t folded[4];
    int boundary_class = 0;
    const auto n =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, 4, UTF8PROC_CASEFOLD, &boundary_class);
    for (utf8proc_ssize_t i = 0; i < n && i < 4; ++i) append_utf8(static_cast<char32_t>(folded[i]), out);
  });
  return out;
}

std::string ascii_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t, size_t) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      append_escape(c, out);
    }
  });
  return out;
}

void append_escape(char32_t c, std::string& out) {
  const auto codepoint = static_cast<uint32_t>(c);
  out += c < 0x100     ? fmt::format("\\x{:02x}", codepoint)
         : c < 0x10000 ? fmt::format("\\u{:04x}", codepoint)
                       : fmt::format("\\U{:08x}", codepoint);
}

// Unicode has the decimal digits of a script in a row that begins with 0, and such rows next to each other.
int decimal_value(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9' ? static_cast<int>(c - '0') : -1;
  if (!is_decimal(c)) return -1;
  char32_t first = c;
  while (is_decimal(first - 1)) --first;
  return static_cast<int>((c - first) % 10);
}

namespace {

template <typename Predicate>
std::string_view strip_if(std::string_view text, Side side, Predicate is_stripped) {
  while (side != Side::right && !text.empty()) {
    size_t end = 0;
    if (!is_stripped(next_character(text, end))) break;
    text.remove_prefix(end);
  }
  while (side != Side::left && !text.empty()) {
    size_t begin = text.size();
    if (!is_stripped(previous_character(text, begin))) break;
    text = text.substr(0, begin);
  }
  return text;
}

}  // namespace

std::string_view strip_spaces(std::string_view text, Side side) { return strip_if(text, side, is_space); }

std::string_view strip_characters(std::string_view text, std::string_view characters, Side side) {
  std::u32string set;
  for_each_character(characters, [&](char32_t c, size_t, size_t) { set += c; });
  return strip_if(text, side, [&](char32_t c) { return set.find(c) != std::u32string::npos; });
}

std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends) {
  std::vector<std::string_view> lines;
  size_t line = 0;
  for (size_t end = 0; end < text.size();) {
    const size_t begin = end;
    const char32_t c = next_character(text, end);
    if (!is_line_break(c)) continue;
    if (c == '\r' && end < text.size() && text[end] == '\n') ++end;
    lines.push_back(text.substr(line, (keeps_ends ? end : begin) - line));
    line = end;
  }
  if (line < text.size()) lines.push_back(text.substr(line));
  return lines;
}

}  // namespace quandex::jinja
