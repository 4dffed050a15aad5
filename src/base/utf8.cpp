#include "base/utf8.h"

#include <cstring>

#include "base/check.h"

namespace quandex {
namespace {

// What a lead byte promises: the length of its sequence and the range of the second byte (Unicode 15, table 3-7).
struct LeadByte {
  int length;
  uint8_t second_low, second_high;
};

LeadByte classify(uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

struct Scan {
  int n_bytes;  // valid bytes from the lead byte on, at least 1
  int length;   // promised by the lead byte; 0 where it cannot start a character
};

Scan scan(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const LeadByte lead = classify(byte(0));
  int n = 1;
  while (n < lead.length && static_cast<size_t>(n) < text.size()) {
    const uint8_t low = n == 1 ? lead.second_low : 0x80;
    const uint8_t high = n == 1 ? lead.second_high : 0xBF;
    if (byte(static_cast<size_t>(n)) < low || byte(static_cast<size_t>(n)) > high) break;
    ++n;
  }
  return {n, lead.length};
}

// Bytes of the ASCII characters in front.
size_t ascii_prefix(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080u;
  size_t n = 0;
  for (uint64_t word = 0; n + sizeof(word) <= text.size(); n += sizeof(word)) {
    std::memcpy(&word, text.data() + n, sizeof(word));
    if ((word & kHighBits) != 0) break;
  }
  while (n < text.size() && static_cast<uint8_t>(text[n]) < 0x80) ++n;
  return n;
}

}  // namespace

DecodedCodepoint decode_utf8(std::string_view text) {
  CHECK(!text.empty());
  if (static_cast<uint8_t>(text[0]) < 0x80) return {static_cast<uint8_t>(text[0]), 1, true};
  const Scan found = scan(text);
  if (found.length == 0 || found.n_bytes < found.length) return {kReplacementCharacter, found.n_bytes, false};
  const auto lead = static_cast<uint8_t>(text[0]);
  char32_t value = found.length == 1 ? lead : lead & (0x7Fu >> found.length);
  for (int i = 1; i < found.length; ++i)
    value = value << 6 | (static_cast<uint8_t>(text[static_cast<size_t>(i)]) & 0x3Fu);
  return {value, found.length, true};
}

void append_utf8(char32_t codepoint, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(static_cast<uint8_t>(byte))); };
  if (codepoint < 0x80) {
    put(codepoint);
  } else if (codepoint < 0x800) {
    put(0xC0 | codepoint >> 6);
    put(0x80 | (codepoint & 0x3F));
  } else if (codepoint < 0x10000) {
    put(0xE0 | codepoint >> 12);
    put(0x80 | (codepoint >> 6 & 0x3F));
    put(0x80 | (codepoint & 0x3F));
  } else {
    put(0xF0 | codepoint >> 18);
    put(0x80 | (codepoint >> 12 & 0x3F));
    put(0x80 | (codepoint >> 6 & 0x3F));
    put(0x80 | (codepoint & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  for (;;) {
    text.remove_prefix(ascii_prefix(text));
    if (text.empty()) return true;
    const DecodedCodepoint next = decode_utf8(text);
    if (!next.is_valid) return false;
    text.remove_prefix(static_cast<size_t>(next.n_bytes));
  }
}

size_t incomplete_utf8_suffix(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const Scan found = scan(text.substr(text.size() - n));
    if (found.length == 0) continue;  // a continuation byte: its lead is further left
    return static_cast<size_t>(found.n_bytes) == n && found.n_bytes < found.length ? n : 0;
  }
  return 0;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCodepoint next = decode_utf8(text);
    if (next.is_valid)
      out.append(text.substr(0, static_cast<size_t>(next.n_bytes)));
    else
      append_utf8(kReplacementCharacter, out);
    text.remove_prefix(static_cast<size_t>(next.n_bytes));
  }
  return out;
}

}  // namespace quandex
