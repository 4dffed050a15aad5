#include "text/regex_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace quandex {
namespace {

class SyntaxCheck {
 public:
  explicit SyntaxCheck(std::string_view pattern) : pattern_(pattern) {}

  std::optional<std::string> run() {
    while (!difference_ && at_ < pattern_.size()) step();
    return difference_;
  }

 private:
  bool is_next(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  void differ(std::string_view construct) {
    if (!difference_) difference_ = construct;
  }

  void step() {
    const char c = pattern_[at_];
    if (c == '\\') {
      escape();
    } else if (c == '[') {
      ++at_;
      bracket();
    } else if (c == '(') {
      group();
    } else if (c == '{') {
      interval();
    } else {
      ++at_;
    }
  }

  // What a backslash stands in front of; in brackets only classes and characters.
  void escape(bool is_in_bracket = false) {
    if (at_ + 1 >= pattern_.size()) return differ("a backslash at its end");
    const char c = pattern_[at_ + 1];
    at_ += 2;
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), is_digit = c >= '0' && c <= '9';
    if (!is_letter && !is_digit) return;  // the character itself
    if (c == 'p' || c == 'P') return property();
    if (c == 'x') return hexadecimal();
    constexpr std::string_view kSame = "tnrfasSwWdDbBAz";
    if (kSame.find(c) == kSame.npos) differ(fmt::format("\\{}", c));
    if (is_in_bracket && std::string_view("AzbBW").find(c) != std::string_view::npos)
      differ(fmt::format("\\{} inside brackets", c));
  }

  void hexadecimal() {
    if (is_next("{")) return;  // \x{…}: step() sees digits in braces, which interval() lets pass
    for (int i = 0; i < 2; ++i)
      if (at_ >= pattern_.size() || std::string_view("0123456789abcdefABCDEF").find(pattern_[at_++]) == pattern_.npos)
        return differ("\\x without two digits");
    // Oniguruma takes \x80 and above for bytes of UTF-8.
    if (pattern_[at_ - 2] >= '8') differ("\\x80 to \\xFF");
  }

  // General categories and scripts have the same names in both; the properties that only Oniguruma knows are those
  // spelled with more letters, which PCRE2 then refuses itself.
  void property() {
    if (!is_next("{")) return differ("\\p without braces");
    const size_t end = pattern_.find('}', at_);
    if (end == pattern_.npos) return differ("\\p without an end");
    at_ = end + 1;
  }

  void bracket() {
    if (is_next("^")) ++at_;
    bool is_first = true;
    for (;; is_first = false) {
      if (difference_) return;
      if (at_ >= pattern_.size()) return differ("'[' without an end");
      const char c = pattern_[at_];
      if (c == ']' && !is_first) break;
      if (c == ']') return differ("']' first inside brackets");
      if (c == '[') return differ("brackets inside brackets");
      if (is_next("&&")) return differ("'&&' inside brackets");
      if (c == '\\')
        escape(true);
      else
        ++at_;
    }
    ++at_;
  }

  void group() {
    ++at_;
    if (!is_next("?")) return;
    for (const std::string_view kind : {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:", "?i)", "?-i:"}) {
      if (!is_next(kind)) continue;
      at_ += kind.size();
      if (kind.starts_with("?i")) check_case();
      // Elsewhere than in front the one takes it to reach to the end of the group, the other of the alternative.
      if (kind == "?i)" && at_ != kind.size() + 1) differ("'(?i)' elsewhere than in front");
      return;
    }
    differ(fmt::format("the group '({}'", pattern_.substr(at_, 3)));
  }

  // Without case one letter can equal several for Oniguruma: sharp s and "ss", ligatures.
  void check_case() {
    constexpr std::array<std::string_view, 5> kSeveral = {"ss", "st", "ff", "fi", "fl"};
    std::string lower(pattern_);
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    for (const std::string_view several : kSeveral)
      if (lower.find(several) != lower.npos) differ(fmt::format("\"{}\" where case is ignored", several));
    if (std::ranges::any_of(lower, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
      differ("letters beyond ASCII where case is ignored");
  }

  // A possessive interval is only PCRE2's: to Oniguruma {1,3}+ is {1,3} repeated.
  void interval() {
    const size_t end = pattern_.find('}', at_);
    const std::string_view inside = pattern_.substr(at_ + 1, end == pattern_.npos ? end : end - at_ - 1);
    const bool is_counted = !inside.empty() && std::ranges::all_of(inside, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ',';
    });
    if (!is_counted || inside.starts_with(',')) return differ("'{' that begins no interval");
    at_ = end + 1;
    if (is_next("+") || is_next("?")) differ("an interval followed by '+' or '?'");
  }

  std::string_view pattern_;
  size_t at_ = 0;
  std::optional<std::string> difference_;
};

}  // namespace

std::optional<std::string> find_syntax_difference(std::string_view pattern) { return SyntaxCheck(pattern).run(); }

}  // namespace quandex
