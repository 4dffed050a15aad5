#include "text/jinja/number_parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "text/jinja/python_text.h"

namespace quandex::jinja {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

int digit_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

// Python reads the digits of every script.
std::string with_ascii_digits(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const int value = decimal_value(next_character(text, i));
    if (value >= 0) {
      out += static_cast<char>('0' + value);
    } else {
      out += text.substr(begin, i - begin);
    }
  }
  return out;
}

// The base that a prefix like 0x names, or 0.
int64_t base_of_prefix(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  const char letter = static_cast<char>(text[1] | 0x20);
  return letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
}

// In a text of ASCII alone, the separators from U+001C on are no spaces.
std::string_view strip_number(std::string_view text) {
  const bool is_ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return is_ascii ? strip_characters(text, " \t\n\v\f\r", Side::both) : strip_spaces(text, Side::both);
}

bool take_sign(std::string_view& text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  return is_negative;
}

}  // namespace

std::optional<int64_t> parse_integer(Runtime& runtime, std::string_view original, int64_t base) {
  const std::string ascii = with_ascii_digits(original);
  std::string_view text = ascii;
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = strip_number(text);
  const bool is_negative = take_sign(text);
  bool may_have_underscore = false;  // before the next digit
  const int64_t prefix_base = base_of_prefix(text);
  if (prefix_base != 0 && (base == 0 || base == prefix_base)) {
    base = prefix_base;
    text.remove_prefix(2);
    may_have_underscore = true;
  } else if (base == 0) {
    base = 10;
    const bool is_octal_of_old = text.starts_with('0') && text.find_first_not_of("0_") != std::string_view::npos;
    if (is_octal_of_old) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  bool is_beyond = false;
  int64_t number = 0;
  for (const char c : text) {
    if (c == '_' && may_have_underscore) {
      may_have_underscore = false;
      continue;
    }
    const int digit = digit_value(c);
    if (digit >= base) return std::nullopt;
    is_beyond |= __builtin_mul_overflow(number, base, &number);
    is_beyond |= is_negative ? __builtin_sub_overflow(number, int64_t{digit}, &number)
                             : __builtin_add_overflow(number, int64_t{digit}, &number);
    may_have_underscore = true;
  }
  if (text.back() == '_') return std::nullopt;
  if (is_beyond) runtime.fail("found an integer beyond 64 bits, the most that are supported");
  return number;
}

std::optional<double> parse_real(std::string_view original) {
  const std::string ascii = with_ascii_digits(original);
  std::string_view text = ascii;
  text = strip_number(text);
  const bool is_negative = take_sign(text);
  const double sign = is_negative ? -1 : 1;
  const std::string lower = to_lower(text);
  if (lower == "inf" || lower == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (lower == "nan") return std::numeric_limits<double>::quiet_NaN();
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_between_digits =
        i > 0 && i + 1 < text.size() && is_ascii_digit(text[i - 1]) && is_ascii_digit(text[i + 1]);
    if (text[i] == '_' && is_between_digits) continue;
    digits += text[i];
  }
  // from_chars would also take "inf" and its like, and a sign.
  if (digits.empty() || (!is_ascii_digit(digits[0]) && digits[0] != '.')) return std::nullopt;
  double number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ptr != digits.data() + digits.size() || result.ec == std::errc::invalid_argument) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    // from_chars leaves the number alone, and does not say on which side it lies.
    const size_t e = lower.find('e');
    const bool is_small = e != std::string::npos && e + 1 < lower.size() && lower[e + 1] == '-';
    number =
        is_small || digits.starts_with("0.") || digits.starts_with('.') ? 0 : std::numeric_limits<double>::infinity();
  }
  return sign * number;
}

}  // namespace quandex::jinja
