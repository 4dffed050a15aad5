// UTF-8 decoding and encoding, strict as Unicode defines it: overlong forms, surrogates and values above U+10FFFF are
// invalid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quandex {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedCodepoint {
  char32_t value;  // kReplacementCharacter where invalid
  int n_bytes;     // consumed, >= 1
  bool is_valid;
};
// Decodes the first character of a non-empty text. An invalid sequence consumes its maximal valid prefix (Unicode
// 15, section 3.9, "substitution of maximal subparts").
DecodedCodepoint decode_utf8(std::string_view text);

void append_utf8(char32_t codepoint, std::string& out);

bool is_valid_utf8(std::string_view text);

// Bytes at the end of `text` that start a character which more bytes could complete: 0 to 3.
size_t incomplete_utf8_suffix(std::string_view text);

// The text with each invalid sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace quandex
