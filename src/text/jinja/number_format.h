// Numbers as text, for % and str.format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"

namespace quandex::jinja {

inline constexpr int64_t kMaxPrecision = 1000;

// A finite or infinite number without its sign; `type` is one of eEfFgG.
std::string real_digits(double value, char type, int64_t precision, bool is_alternate);

// An integer without its sign; `type` is one of d, b, o, x and X.
std::string integer_digits(int64_t value, char type);

// The text that goes into a field: sign or prefix, then digits.
struct NumberText {
  std::string sign;    // "-", "+", " " or ""
  std::string prefix;  // "0x" and its like
  std::string digits;
};

// Fills up to `width` characters with zeros after the sign.
std::string with_zeros(Runtime& runtime, const NumberText& number, int64_t width);

// Puts separators between groups of digits of the integer part.
std::string with_groups(std::string_view digits, char separator, size_t group_size);

}  // namespace quandex::jinja
