// Byte-level BPE stores each byte as a printable character, so that vocabularies are readable text: bytes that are
// printable in Latin-1 stand for themselves, the other 68 are numbered from U+0100 on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace quandex {

constexpr bool byte_stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Character of each byte.
constexpr std::array<char32_t, 256> kByteCharacters = [] {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) characters[byte] = byte_stands_for_itself(byte) ? byte : next++;
  return characters;
}();

// The characters of `bytes` as UTF-8.
std::string to_byte_characters(std::string_view bytes);

// Back to bytes. Characters that stand for no byte are kept as they are: such tokens hold plain text.
std::string from_byte_characters(std::string_view text);

// The same as the library `tokenizers` has it: a text with any such character is kept as a whole.
std::string bytes_of_spelled_token(std::string_view text);

}  // namespace quandex
