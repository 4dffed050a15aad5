#include "text/byte_map.h"

#include "base/utf8.h"

namespace quandex {
namespace {

constexpr char32_t kEnd = 0x100 + 68;  // one past the highest character in use

// Byte of each character below kEnd, -1 for none.
constexpr std::array<int16_t, kEnd> kCharacterBytes = [] {
  std::array<int16_t, kEnd> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (size_t byte = 0; byte < 256; ++byte) bytes[kByteCharacters[byte]] = static_cast<int16_t>(byte);
  return bytes;
}();

}  // namespace

std::string to_byte_characters(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(kByteCharacters[static_cast<uint8_t>(byte)], text);
  return text;
}

std::string from_byte_characters(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const DecodedCodepoint next = decode_utf8(text);
    const int byte = next.is_valid && next.value < kEnd ? kCharacterBytes[next.value] : -1;
    if (byte >= 0)
      bytes.push_back(static_cast<char>(byte));
    else
      bytes.append(text.substr(0, static_cast<size_t>(next.n_bytes)));
    text.remove_prefix(static_cast<size_t>(next.n_bytes));
  }
  return bytes;
}

std::string bytes_of_spelled_token(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const DecodedCodepoint next = decode_utf8(text.substr(at));
    if (!next.is_valid || next.value >= kEnd || kCharacterBytes[next.value] < 0) return std::string(text);
    bytes.push_back(static_cast<char>(kCharacterBytes[next.value]));
    at += static_cast<size_t>(next.n_bytes);
  }
  return bytes;
}

}  // namespace quandex
