// Python's operators on values.
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

bool is_true(const Value& value);

bool are_equal(const Value& left, const Value& right);

// The order of two values; nothing where one of them is not a number (NaN). Fails where Python knows no order.
// `op` is for messages.
enum class Order : int8_t { less = -1, equal = 0, greater = 1 };
std::optional<Order> compare(Runtime& runtime, const Value& left, const Value& right, std::string_view op = "<");

bool evaluate_comparison(Runtime& runtime, ComparisonOperator op, const Value& left, const Value& right);
bool contains(Runtime& runtime, const Value& container, const Value& item);

Value evaluate_binary(Runtime& runtime, BinaryOperator op, const Value& left, const Value& right);
Value negative(Runtime& runtime, const Value& value);
Value positive(Runtime& runtime, const Value& value);

// Fails with the message of an undefined value.
[[noreturn]] void fail_undefined(Runtime& runtime, const Value& undefined);

// An integer to a power; fails where it overflows. The exponent is not negative.
int64_t integer_power(Runtime& runtime, int64_t base, int64_t exponent);

// What str() of a value is, appended or as a value, and what repr() is.
void append_text(Runtime& runtime, const Value& value, std::string& out);
std::string to_text(Runtime& runtime, const Value& value);
void append_repr(Runtime& runtime, const Value& value, std::string& out);
std::string repr(Runtime& runtime, const Value& value);
std::string real_text(double value);

}  // namespace quandex::jinja
