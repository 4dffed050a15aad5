#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"

namespace quandex {
namespace {

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

// Characters with the property Other_Alphabetic that are no letters, letter numbers or marks: circled and squared
// letters.
bool is_alphabetic_symbol(char32_t c) {
  return is_between(c, 0x24B6, 0x24E9) || is_between(c, 0x1F130, 0x1F149) || is_between(c, 0x1F150, 0x1F169) ||
         is_between(c, 0x1F170, 0x1F189);
}

utf8proc_option_t options_of(NormalForm form) {
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

std::vector<utf8proc_int32_t> decompose(std::string_view text, utf8proc_option_t options) {
  constexpr size_t kLongest = 32;  // Unicode's longest is 18
  std::array<utf8proc_int32_t, kLongest> parts{};
  int boundclass = 0;
  std::vector<utf8proc_int32_t> characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const DecodedCodepoint c = decode_utf8(text);
    const utf8proc_ssize_t n_parts =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts.data(), kLongest, options, &boundclass);
    CHECK(n_parts >= 0 && n_parts <= static_cast<utf8proc_ssize_t>(kLongest));
    characters.insert(characters.end(), parts.begin(), parts.begin() + n_parts);
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return characters;
}

// Sorts each run of marks by class. utf8proc's own way of it is quadratic in the length of a run.
void order_marks(std::span<utf8proc_int32_t> characters) {
  const auto class_of = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (auto begin = characters.begin(); begin != characters.end();) {
    if (class_of(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, characters.end(), [&](utf8proc_int32_t c) { return class_of(c) == 0; });
    std::stable_sort(begin, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) { return class_of(a) < class_of(b); });
    begin = end;
  }
}

}  // namespace

bool is_white_space(char32_t c) {
  constexpr std::u32string_view kHigh = U"\x85\xA0\u1680\u2028\u2029\u202F\u205F\u3000";
  return c == ' ' || is_between(c, 9, 13) || is_between(c, 0x2000, 0x200A) || kHigh.find(c) != kHigh.npos;
}

bool is_number(char32_t c) {
  const auto category_of_c = category(c);
  return category_of_c == UTF8PROC_CATEGORY_ND || category_of_c == UTF8PROC_CATEGORY_NL ||
         category_of_c == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80)
    return is_between(c, 0x21, 0x2F) || is_between(c, 0x3A, 0x40) || is_between(c, 0x5B, 0x60) ||
           is_between(c, 0x7B, 0x7E);
  const auto category_of_c = category(c);
  return category_of_c >= UTF8PROC_CATEGORY_PC && category_of_c <= UTF8PROC_CATEGORY_PO;
}

bool is_mark(char32_t c) {
  const auto category_of_c = category(c);
  return category_of_c >= UTF8PROC_CATEGORY_MN && category_of_c <= UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_control_or_format(char32_t c) {
  const auto category_of_c = category(c);
  return category_of_c == UTF8PROC_CATEGORY_CC || category_of_c == UTF8PROC_CATEGORY_CF ||
         category_of_c == UTF8PROC_CATEGORY_CO;
}

bool is_word_character(char32_t c) {
  if (c < 0x80) return is_between(c, '0', '9') || is_between(c, 'A', 'Z') || is_between(c, 'a', 'z') || c == '_';
  if (is_between(c, 0x200C, 0x200D) || is_alphabetic_symbol(c)) return true;
  const auto category_of_c = category(c);
  return (category_of_c >= UTF8PROC_CATEGORY_LU && category_of_c <= UTF8PROC_CATEGORY_LO) || is_mark(c) ||
         category_of_c == UTF8PROC_CATEGORY_ND || category_of_c == UTF8PROC_CATEGORY_NL ||
         category_of_c == UTF8PROC_CATEGORY_PC;
}

bool is_cjk_ideograph(char32_t c) {
  // BERT's own list, with the gap that the library `tokenizers` leaves from U+2B820 to U+2B91F.
  constexpr std::array<std::pair<char32_t, char32_t>, 8> kRanges = {{{0x3400, 0x4DBF},
                                                                     {0x4E00, 0x9FFF},
                                                                     {0xF900, 0xFAFF},
                                                                     {0x20000, 0x2A6DF},
                                                                     {0x2A700, 0x2B73F},
                                                                     {0x2B740, 0x2B81F},
                                                                     {0x2B920, 0x2CEAF},
                                                                     {0x2F800, 0x2FA1F}}};
  return std::ranges::any_of(kRanges, [c](const auto& range) { return is_between(c, range.first, range.second); });
}

void append_lower_case(char32_t c, std::string& out) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(is_between(c, 'A', 'Z') ? c + 32 : c));
  } else if (c == 0x130) {
    out.append("i\u0307");
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
}

std::string to_normal_form(std::string_view text, NormalForm form) {
  std::vector<utf8proc_int32_t> characters = decompose(text, options_of(form));
  order_marks(characters);
  const utf8proc_ssize_t n_characters =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options_of(form));
  CHECK(n_characters >= 0);
  std::string normal;
  normal.reserve(text.size());
  for (const utf8proc_int32_t c : std::span(characters).first(static_cast<size_t>(n_characters)))
    append_utf8(static_cast<char32_t>(c), normal);
  return normal;
}

bool is_surely_normal(std::string_view text, NormalForm form) {
  // Up to U+02FF every character stands for itself in NFC: combining marks begin at U+0300, in UTF-8 at CC 80. The
  // other forms take apart letters from U+00A0 on.
  const unsigned char limit = form == NormalForm::nfc ? 0xCC : 0x80;
  return std::ranges::all_of(text, [limit](char c) { return static_cast<unsigned char>(c) < limit; });
}

size_t grapheme_size(std::string_view text) {
  DecodedCodepoint previous = decode_utf8(text);
  auto size = static_cast<size_t>(previous.n_bytes);
  utf8proc_int32_t state = 0;
  while (size < text.size()) {
    const DecodedCodepoint next = decode_utf8(text.substr(size));
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous.value),
                                         static_cast<utf8proc_int32_t>(next.value), &state))
      break;
    size += static_cast<size_t>(next.n_bytes);
    previous = next;
  }
  return size;
}

}  // namespace quandex
