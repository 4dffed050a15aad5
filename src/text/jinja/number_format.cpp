#include "text/jinja/number_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace quandex::jinja {

std::string real_digits(double value, char type, int64_t precision, bool is_alternate) {
  const bool is_upper = type >= 'A' && type <= 'Z';
  if (std::isnan(value)) return is_upper ? "NAN" : "nan";
  if (std::isinf(value)) return is_upper ? "INF" : "inf";
  const std::string format = fmt::format("%{}.*{}", is_alternate ? "#" : "", type);
  std::string text(static_cast<size_t>(precision) + 340, '\0');  // 309 digits, a point, the exponent
  const int n = std::snprintf(text.data(), text.size(), format.c_str(), static_cast<int>(precision), std::fabs(value));
  text.resize(static_cast<size_t>(n));
  return text;
}

std::string integer_digits(int64_t value, char type) {
  const uint64_t magnitude = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  char buffer[65];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), magnitude, base).ptr;
  std::string digits(buffer, end);
  if (type == 'X')
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return static_cast<char>(c >= 'a' ? c - 32 : c); });
  return digits;
}

std::string with_zeros(Runtime& runtime, const NumberText& number, int64_t width) {
  const size_t size = number.sign.size() + number.prefix.size() + number.digits.size();
  const size_t n_zeros = width > 0 && static_cast<size_t>(width) > size ? static_cast<size_t>(width) - size : 0;
  runtime.expect_room(size + n_zeros);
  return number.sign + number.prefix + std::string(n_zeros, '0') + number.digits;
}

std::string with_groups(std::string_view digits, char separator, size_t group_size) {
  size_t n_whole = 0;
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  while (n_whole < digits.size() && is_digit(digits[n_whole])) ++n_whole;
  std::string out;
  for (size_t i = 0; i < n_whole; ++i) {
    if (i != 0 && (n_whole - i) % group_size == 0) out += separator;
    out += digits[i];
  }
  out += digits.substr(n_whole);
  return out;
}

}  // namespace quandex::jinja
