#include "text/jinja/string_literal.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/utf8.h"

namespace quandex::jinja {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The characters of one letter escapes, and what they stand for.
constexpr std::string_view kLetters = "\\'\"abfnrtv";
constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";

class Unescaper {
 public:
  Unescaper(std::string_view literal, std::string& value) : literal_(literal), value_(value) {}

  std::optional<LiteralDefect> run() {
    while (at_ < literal_.size()) {
      const size_t escape = literal_.find('\\', at_);
      value_ += literal_.substr(at_, escape - at_);
      if (escape == std::string_view::npos) return std::nullopt;
      at_ = escape + 1;
      if (auto defect = resolve(escape)) return defect;
    }
    return std::nullopt;
  }

 private:
  std::optional<LiteralDefect> resolve(size_t escape) {
    const char c = literal_[at_];  // a backslash is never the last character of a literal
    if (const size_t letter = kLetters.find(c); letter != std::string_view::npos) {
      value_ += kMeanings[letter];
      ++at_;
    } else if (c == '\n') {
      ++at_;
    } else if (c >= '0' && c <= '7') {
      resolve_octal();
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      return resolve_hexadecimal(escape, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      return LiteralDefect{escape, ErrorCode::unsupported, "characters by name (\\N{...}) are not supported"};
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      resolve_other_character();
    } else {
      value_ += '\\';
    }
    return std::nullopt;
  }

  void resolve_octal() {
    char32_t codepoint = 0;
    for (int i = 0; i < 3 && at_ < literal_.size() && literal_[at_] >= '0' && literal_[at_] <= '7'; ++i) {
      codepoint = codepoint * 8 + static_cast<char32_t>(literal_[at_++] - '0');
    }
    append_utf8(codepoint, value_);
  }

  std::optional<LiteralDefect> resolve_hexadecimal(size_t escape, int n_digits) {
    uint32_t codepoint = 0;
    for (int i = 0; i < n_digits; ++i) {
      const int digit = at_ < literal_.size() ? hex_digit(literal_[at_]) : -1;
      if (digit < 0) {
        return LiteralDefect{escape, ErrorCode::invalid_file,
                             fmt::format("found an escape of {} hexadecimal digits, expected {}", i, n_digits)};
      }
      codepoint = codepoint * 16 + static_cast<uint32_t>(digit);
      ++at_;
    }
    if (codepoint > 0x10FFFF || (codepoint >= 0xD800 && codepoint <= 0xDFFF)) {
      return LiteralDefect{escape, ErrorCode::invalid_file,
                           fmt::format("found the escape of U+{:04X}, expected a character of Unicode", codepoint)};
    }
    append_utf8(codepoint, value_);
    return std::nullopt;
  }

  // Python writes what is not ASCII as an escape first, so that a backslash before it escapes that escape's own.
  void resolve_other_character() {
    const DecodedCodepoint c = decode_utf8(literal_.substr(at_));
    const auto codepoint = static_cast<uint32_t>(c.value);
    value_ += codepoint < 0x100     ? fmt::format("\\x{:02x}", codepoint)
              : codepoint < 0x10000 ? fmt::format("\\u{:04x}", codepoint)
                                    : fmt::format("\\U{:08x}", codepoint);
    at_ += static_cast<size_t>(c.n_bytes);
  }

  std::string_view literal_;
  std::string& value_;
  size_t at_ = 0;
};

}  // namespace

std::optional<LiteralDefect> unescape(std::string_view literal, std::string& value) {
  return Unescaper(literal, value).run();
}

}  // namespace quandex::jinja
