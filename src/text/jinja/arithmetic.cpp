#include <cmath>
#include <limits>

#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"

namespace quandex::jinja {
namespace {

const char* symbol(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::add:
      return "+";
    case BinaryOperator::subtract:
      return "-";
    case BinaryOperator::multiply:
      return "*";
    case BinaryOperator::divide:
      return "/";
    case BinaryOperator::floor_divide:
      return "//";
    case BinaryOperator::modulo:
      return "%";
    case BinaryOperator::power:
      return "**";
  }
  return "?";
}

[[noreturn]] void fail_overflow(Runtime& runtime) {
  runtime.fail("found an integer beyond 64 bits, the most that are supported");
}

// `result` by reference, as it is written while the arguments are evaluated.
Value checked(Runtime& runtime, bool overflows, const int64_t& result) {
  if (overflows) fail_overflow(runtime);
  return Value::integer(result);
}

int64_t floor_quotient(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Rounded once, as Python does it.
double true_quotient(int64_t a, int64_t b) {
  return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}

Value divide_integers(Runtime& runtime, BinaryOperator op, int64_t a, int64_t b) {
  if (b == 0) runtime.fail("found a division by zero");
  if (op == BinaryOperator::divide) return Value::real(true_quotient(a, b));
  if (b == -1) {  // the one divisor whose quotient can overflow
    if (op == BinaryOperator::modulo) return Value::integer(0);
    int64_t result = 0;
    return checked(runtime, __builtin_sub_overflow(int64_t{0}, a, &result), result);
  }
  const int64_t quotient = floor_quotient(a, b);
  return Value::integer(op == BinaryOperator::modulo ? a - quotient * b : quotient);
}

Value divide_reals(Runtime& runtime, BinaryOperator op, double a, double b) {
  if (b == 0) runtime.fail("found a division by zero");
  if (op == BinaryOperator::divide) return Value::real(a / b);
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == BinaryOperator::modulo) return Value::real(remainder);
  if (quotient == 0) return Value::real(std::copysign(0.0, a / b));
  const double floored = std::floor(quotient);
  return Value::real(quotient - floored > 0.5 ? floored + 1 : floored);
}

Value power_of_reals(Runtime& runtime, double base, double exponent) {
  if (base == 0 && exponent < 0) runtime.fail("found zero to a negative power");
  if (base < 0 && std::isfinite(base) && std::isfinite(exponent) && std::floor(exponent) != exponent) {
    runtime.refuse("a complex number, which a negative number to a fractional power is, is not supported");
  }
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) {
    runtime.fail("found a power beyond the range of a float");
  }
  return Value::real(result);
}

Value evaluate_integers(Runtime& runtime, BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::add:
      return checked(runtime, __builtin_add_overflow(a, b, &result), result);
    case BinaryOperator::subtract:
      return checked(runtime, __builtin_sub_overflow(a, b, &result), result);
    case BinaryOperator::multiply:
      return checked(runtime, __builtin_mul_overflow(a, b, &result), result);
    case BinaryOperator::power:
      if (b < 0) return power_of_reals(runtime, static_cast<double>(a), static_cast<double>(b));
      return Value::integer(integer_power(runtime, a, b));
    default:
      return divide_integers(runtime, op, a, b);
  }
}

Value evaluate_reals(Runtime& runtime, BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::add:
      return Value::real(a + b);
    case BinaryOperator::subtract:
      return Value::real(a - b);
    case BinaryOperator::multiply:
      return Value::real(a * b);
    case BinaryOperator::power:
      return power_of_reals(runtime, a, b);
    default:
      return divide_reals(runtime, op, a, b);
  }
}

Value concatenate(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is_string()) return add_strings(runtime, left, right);
  runtime.expect_room((left.items().size() + right.items().size()) * sizeof(Value));
  std::vector<Value> items;
  items.reserve(left.items().size() + right.items().size());
  items.insert(items.end(), left.items().begin(), left.items().end());
  items.insert(items.end(), right.items().begin(), right.items().end());
  runtime.step(items.size() / 8);
  return left.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

// `n` times a string, a list or a tuple.
Value repeat(Runtime& runtime, const Value& value, int64_t n) {
  const auto count = static_cast<size_t>(n > 0 ? n : 0);
  const size_t size = value.is_string() ? value.text().size() : value.items().size() * sizeof(Value);
  if (size != 0 && count > std::numeric_limits<size_t>::max() / 2 / size) {
    runtime.expect_room(std::numeric_limits<size_t>::max());
  }
  runtime.expect_room(size * count);
  if (value.is_string()) {
    std::string text;
    text.reserve(size * count);
    for (size_t i = 0; size != 0 && i < count; ++i) text += value.text();
    return runtime.string(std::move(text), is_markup(value));
  }
  std::vector<Value> items;
  items.reserve(value.items().size() * count);
  for (size_t i = 0; size != 0 && i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  runtime.step(items.size() / 8);
  return value.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

bool is_repeatable(const Value& value) { return value.is_string() || value.is_sequence(); }

}  // namespace

int64_t integer_power(Runtime& runtime, int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow(runtime);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fail_overflow(runtime);
  }
  return result;
}

Value evaluate_binary(Runtime& runtime, BinaryOperator op, const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return evaluate_integers(runtime, op, left.as_integer(), right.as_integer());
  }
  if (left.is_number() && right.is_number()) return evaluate_reals(runtime, op, left.as_double(), right.as_double());
  if (op == BinaryOperator::modulo && left.is_string()) return percent_format(runtime, left, right);
  if (left.is_undefined()) fail_undefined(runtime, left);
  if (right.is_undefined()) fail_undefined(runtime, right);
  if (op == BinaryOperator::add && left.kind() == right.kind() && is_repeatable(left)) {
    return concatenate(runtime, left, right);
  }
  if (op == BinaryOperator::multiply) {
    if (is_repeatable(left) && right.is_integral()) return repeat(runtime, left, right.as_integer());
    if (is_repeatable(right) && left.is_integral()) return repeat(runtime, right, left.as_integer());
  }
  runtime.fail("found '{}' {} '{}', expected types that have this operator", type_name(left), symbol(op),
               type_name(right));
}

Value negative(Runtime& runtime, const Value& value) {
  if (value.is(Kind::real)) return Value::real(-value.as_real());
  if (value.is_undefined()) fail_undefined(runtime, value);
  if (!value.is_integral()) runtime.fail("found '-' before '{}', expected a number", type_name(value));
  int64_t result = 0;
  return checked(runtime, __builtin_sub_overflow(int64_t{0}, value.as_integer(), &result), result);
}

Value positive(Runtime& runtime, const Value& value) {
  if (value.is(Kind::real)) return value;
  if (value.is_undefined()) fail_undefined(runtime, value);
  if (!value.is_integral()) runtime.fail("found '+' before '{}', expected a number", type_name(value));
  return Value::integer(value.as_integer());
}

}  // namespace quandex::jinja
