#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/jinja/filter_functions.h"
#include "text/jinja/number_format.h"
#include "text/jinja/number_parse.h"
#include "text/jinja/operators.h"

namespace quandex::jinja::filter {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

// int() of a float: towards 0. Fails beyond 64 bits; nothing of NaN.
std::optional<int64_t> truncated(Runtime& runtime, double value) {
  if (std::isnan(value)) return std::nullopt;
  if (std::isinf(value)) runtime.fail("found an infinite number, expected one that an integer can hold");
  if (!(value >= -kTwoTo63 && value < kTwoTo63)) {
    runtime.fail("found an integer beyond 64 bits, the most that are supported");
  }
  return static_cast<int64_t>(value);
}

// The double nearest to the decimal with so many digits that is nearest to the value.
double rounded(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 330) return value;
  if (precision < -330) return std::copysign(0.0, value);
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(value / scale) * scale;
  }
  const std::string digits = real_digits(value, 'f', precision, false);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);
  return std::copysign(result, value);
}

// round() of an integer to tens, hundreds and so on; halves go to the even side.
Value rounded_integer(Runtime& runtime, int64_t value, int64_t precision) {
  if (precision >= 0) return Value::integer(value);
  if (precision < -18) return Value::integer(0);
  const int64_t scale = integer_power(runtime, 10, -precision);
  int64_t quotient = value / scale;
  const int64_t remainder = std::abs(value % scale);
  const bool is_away = remainder > scale / 2 || (remainder == scale / 2 && quotient % 2 != 0);
  if (is_away) quotient += value < 0 ? -1 : 1;
  return evaluate_binary(runtime, BinaryOperator::multiply, Value::integer(quotient), Value::integer(scale));
}

double number_or_fail(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) fail_undefined(runtime, value);
  if (!value.is_number()) runtime.fail("found '{}', expected a number", type_name(value));
  return value.as_double();
}

}  // namespace

Value abs(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "abs", arguments, {}, 0);
  const double value = number_or_fail(runtime, operand);
  if (operand.is(Kind::real)) return Value::real(std::fabs(value));
  return operand.as_integer() < 0 ? negative(runtime, operand) : Value::integer(operand.as_integer());
}

Value to_int(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "int", arguments, {"default", "base"}, 0);
  const Value otherwise = bound.get_or(0, Value::integer(0));
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (operand.is_integral()) return Value::integer(operand.as_integer());
  std::optional<int64_t> number;
  if (operand.is(Kind::real)) {
    number = truncated(runtime, operand.as_real());
  } else if (operand.is_string()) {
    number = parse_integer(runtime, operand.text(), bound.integer(1, 10));
    if (!number) {
      const auto real = parse_real(operand.text());
      if (real && std::isfinite(*real)) number = truncated(runtime, *real);
    }
  }
  return number ? Value::integer(*number) : otherwise;
}

Value to_float(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "float", arguments, {"default"}, 0);
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (operand.is_number()) return Value::real(operand.as_double());
  const auto number = operand.is_string() ? parse_real(operand.text()) : std::nullopt;
  return number ? Value::real(*number) : bound.get_or(0, Value::real(0));
}

Value round(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "round", arguments, {"precision", "method"}, 0);
  const int64_t precision = bound.integer(0, 0);
  const std::string method = bound.has(1) ? to_text(runtime, bound.get(1)) : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    runtime.fail("found another method of rounding than 'common', 'ceil' and 'floor'");
  }
  const double value = number_or_fail(runtime, operand);
  if (method == "common") {
    if (operand.is(Kind::real)) return Value::real(rounded(value, precision));
    return rounded_integer(runtime, operand.as_integer(), precision);
  }
  const Value scale = evaluate_binary(runtime, BinaryOperator::power, Value::integer(10), Value::integer(precision));
  const Value scaled = evaluate_binary(runtime, BinaryOperator::multiply, operand, scale);
  const double whole = method == "ceil" ? std::ceil(scaled.as_double()) : std::floor(scaled.as_double());
  const auto integer = scaled.is_integral() ? scaled.as_integer() : truncated(runtime, whole);
  if (!integer) runtime.fail("found NaN, expected a number to round");
  return evaluate_binary(runtime, BinaryOperator::divide, Value::integer(*integer), scale);
}

Value filesizeformat(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "filesizeformat", arguments, {"binary"}, 0);
  const bool is_binary = bound.is_true(0, false);
  double bytes = 0;
  if (operand.is_string()) {
    const auto number = parse_real(operand.text());
    if (!number) runtime.fail("found a string, expected the number of bytes");
    bytes = *number;
  } else {
    bytes = number_or_fail(runtime, operand);
  }
  const double base = is_binary ? 1024 : 1000;
  if (bytes == 1) return runtime.string("1 Byte");
  if (bytes < base) return runtime.string(fmt::format("{} Bytes", truncated(runtime, bytes).value_or(0)));
  constexpr std::array<char, 8> kPrefixes = {'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'};
  double unit = base * base;
  size_t prefix = 0;
  while (!(bytes < unit) && prefix + 1 < kPrefixes.size()) {
    unit *= base;
    ++prefix;
  }
  return runtime.string(fmt::format("{}{} {}{}", bytes < 0 ? "-" : "", real_digits(base * bytes / unit, 'f', 1, false),
                                    is_binary && prefix == 0 ? 'K' : kPrefixes[prefix], is_binary ? "iB" : "B"));
}

}  // namespace quandex::jinja::filter
