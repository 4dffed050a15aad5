#include "text/jinja/tests.h"

#include <algorithm>
#include <array>

#include "base/shown.h"
#include "text/jinja/filters.h"
#include "text/jinja/iteration.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_classes.h"

namespace quandex::jinja {
namespace {

using Apply = bool (*)(Runtime&, const Value&, const Arguments&);

// Tests without arguments.
template <bool (*is_so)(const Value&)>
bool simple(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test", arguments, {}, 0);
  return is_so(operand);
}

const Value& other(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.keyword.empty()) {
    runtime.fail("found {} arguments of the test, expected 1", arguments.positional.size() + arguments.keyword.size());
  }
  return arguments.positional[0];
}

template <ComparisonOperator op>
bool compares(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return evaluate_comparison(runtime, op, operand, other(runtime, arguments));
}

bool is_remainder(Runtime& runtime, const Value& value, const Value& divisor, int64_t expected) {
  return are_equal(evaluate_binary(runtime, BinaryOperator::modulo, value, divisor), Value::integer(expected));
}
bool is_odd(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test 'odd'", arguments, {}, 0);
  return is_remainder(runtime, operand, Value::integer(2), 1);
}
bool is_even(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test 'even'", arguments, {}, 0);
  return is_remainder(runtime, operand, Value::integer(2), 0);
}
bool is_divisible(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test 'divisibleby'", arguments, {"num"}, 1);
  return is_remainder(runtime, operand, bound.get(0), 0);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is(Kind::boolean); }
bool is_the_true(const Value& value) { return value.is(Kind::boolean) && value.as_integer() != 0; }
bool is_the_false(const Value& value) { return value.is(Kind::boolean) && value.as_integer() == 0; }
bool is_integer(const Value& value) { return value.is(Kind::integer); }
bool is_real(const Value& value) { return value.is(Kind::real); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_mapping(const Value& value) { return value.is(Kind::dict); }
bool is_sequence(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is(Kind::dict) ||
         value.is(Kind::range);
}
bool is_callable(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:  // it has a __call__, which fails
    case Kind::macro:
    case Kind::method:
    case Kind::function:
    case Kind::loop:
    case Kind::joiner:
      return true;
    default:
      return false;
  }
}

template <bool (*is_so)(std::string_view)>
bool of_text(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test", arguments, {}, 0);
  runtime.step(operand.weight());
  return is_so(to_text(runtime, operand));
}

bool is_same(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test 'sameas'", arguments, {"other"}, 1);
  const Value& same = bound.get(0);
  if (operand.kind() != same.kind()) return false;
  switch (operand.kind()) {
    case Kind::none:
      return true;
    case Kind::boolean:
      return operand.as_integer() == same.as_integer();
    // Python keeps one object for each small integer; of others it depends on where they come from.
    case Kind::integer:
      return operand.as_integer() == same.as_integer() && operand.as_integer() >= -5 && operand.as_integer() <= 256;
    case Kind::real:
      return false;
    default:
      return operand.identity() == same.identity();
  }
}

template <typename Found, const Found* (*find)(std::string_view)>
bool is_name(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the test", arguments, {}, 0);
  runtime.expect_key(operand);
  return operand.is_string() && find(operand.text()) != nullptr;
}

constexpr std::array<Test, 39> kTests = {{
    {"odd", is_odd},
    {"even", is_even},
    {"divisibleby", is_divisible},
    {"defined", simple<is_defined>},
    {"undefined", simple<is_undefined>},
    {"filter", is_name<Filter, find_filter>},
    {"test", is_name<Test, find_test>},
    {"none", simple<is_none>},
    {"boolean", simple<is_boolean>},
    {"false", simple<is_the_false>},
    {"true", simple<is_the_true>},
    {"integer", simple<is_integer>},
    {"float", simple<is_real>},
    {"lower", of_text<is_lower_text>},
    {"upper", of_text<is_upper_text>},
    {"string", simple<is_string>},
    {"mapping", simple<is_mapping>},
    {"number", simple<is_number>},
    {"sequence", simple<is_sequence>},
    {"iterable", simple<is_iterable>},
    {"callable", simple<is_callable>},
    {"sameas", is_same},
    {"escaped", simple<is_markup>},
    {"in", compares<ComparisonOperator::in>},
    {"==", compares<ComparisonOperator::equal>},
    {"eq", compares<ComparisonOperator::equal>},
    {"equalto", compares<ComparisonOperator::equal>},
    {"!=", compares<ComparisonOperator::not_equal>},
    {"ne", compares<ComparisonOperator::not_equal>},
    {">", compares<ComparisonOperator::greater>},
    {"gt", compares<ComparisonOperator::greater>},
    {"greaterthan", compares<ComparisonOperator::greater>},
    {">=", compares<ComparisonOperator::greater_equal>},
    {"ge", compares<ComparisonOperator::greater_equal>},
    {"<", compares<ComparisonOperator::less>},
    {"lt", compares<ComparisonOperator::less>},
    {"lessthan", compares<ComparisonOperator::less>},
    {"<=", compares<ComparisonOperator::less_equal>},
    {"le", compares<ComparisonOperator::less_equal>},
}};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto test = std::find_if(kTests.begin(), kTests.end(), [&](const Test& one) { return one.name == name; });
  return test == kTests.end() ? nullptr : &*test;
}

bool apply_test(Runtime& runtime, const Test& test, const Value& operand, const Arguments& arguments) {
  return test.apply(runtime, operand, arguments);
}

}  // namespace quandex::jinja
