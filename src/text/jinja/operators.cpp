#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/iteration.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja {
namespace {

// Exact, also where a 64-bit integer has no double of its own.
std::optional<Order> compare_numbers(const Value& left, const Value& right) {
  const auto order = [](auto a, auto b) { return a < b ? Order::less : a > b ? Order::greater : Order::equal; };
  if (left.is_integral() && right.is_integral()) return order(left.as_integer(), right.as_integer());
  if (left.is(Kind::real) && right.is(Kind::real)) {
    if (std::isnan(left.as_real()) || std::isnan(right.as_real())) return std::nullopt;
    return order(left.as_real(), right.as_real());
  }
  if (right.is_integral()) {
    const auto reversed = compare_numbers(right, left);
    if (!reversed) return std::nullopt;
    return static_cast<Order>(-static_cast<int8_t>(*reversed));
  }
  const int64_t integer = left.as_integer();
  const double real = right.as_real();
  if (std::isnan(real)) return std::nullopt;
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (real >= kTwoTo63) return Order::less;
  if (real < -kTwoTo63) return Order::greater;
  const auto whole = static_cast<int64_t>(real);  // towards 0
  if (integer != whole) return order(integer, whole);
  return order(0.0, real - static_cast<double>(whole));
}

bool are_equal_ranges(const RangeObject& left, const RangeObject& right) {
  if (left.length != right.length) return false;
  if (left.length == 0) return true;
  return left.start == right.start && (left.length == 1 || left.step == right.step);
}

bool are_equal_dicts(const Dictionary& left, const Dictionary& right) {
  if (left.size() != right.size()) return false;
  return std::all_of(left.entries().begin(), left.entries().end(), [&](const Dictionary::Entry& entry) {
    const Value* other = right.find(entry.first);
    return other != nullptr && are_equal(entry.second, *other);
  });
}

std::optional<Order> compare_sequences(Runtime& runtime, const Value& left, const Value& right, std::string_view op) {
  const auto& a = left.items();
  const auto& b = right.items();
  const size_t n = std::min(a.size(), b.size());
  for (size_t i = 0; i < n; ++i) {
    if (!are_equal(a[i], b[i])) return compare(runtime, a[i], b[i], op);
  }
  return a.size() < b.size() ? Order::less : a.size() > b.size() ? Order::greater : Order::equal;
}

}  // namespace

void fail_undefined(Runtime& runtime, const Value& undefined) {
  runtime.fail("{}", undefined.as<UndefinedObject>().message);
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::list:
    case Kind::tuple:
      return !value.items().empty();
    case Kind::dict:
      return value.as<DictObject>().dictionary.size() != 0;
    case Kind::dict_view:
      return is_true(value.as<DictViewObject>().dict);
    case Kind::range:
      return value.as<RangeObject>().length != 0;
    default:
      return true;
  }
}

bool are_equal(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return compare_numbers(left, right) == Order::equal;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      return left.text() == right.text();
    case Kind::list:
    case Kind::tuple:
      return std::equal(left.items().begin(), left.items().end(), right.items().begin(), right.items().end(),
                        are_equal);
    case Kind::dict:
      return are_equal_dicts(left.as<DictObject>().dictionary, right.as<DictObject>().dictionary);
    case Kind::range:
      return are_equal_ranges(left.as<RangeObject>(), right.as<RangeObject>());
    default:
      return left.identity() == right.identity();
  }
}

std::optional<Order> compare(Runtime& runtime, const Value& left, const Value& right, std::string_view op) {
  if (left.is_number() && right.is_number()) return compare_numbers(left, right);
  if (left.is_undefined()) fail_undefined(runtime, left);
  if (right.is_undefined()) fail_undefined(runtime, right);
  if (left.is_string() && right.is_string()) {
    const int order = left.text().compare(right.text());  // UTF-8 sorts as its code points do
    return order < 0 ? Order::less : order > 0 ? Order::greater : Order::equal;
  }
  if (left.is_sequence() && left.kind() == right.kind()) return compare_sequences(runtime, left, right, op);
  runtime.fail("found '{}' {} '{}', expected values that have an order", type_name(left), op, type_name(right));
}

bool evaluate_comparison(Runtime& runtime, ComparisonOperator op, const Value& left, const Value& right) {
  runtime.step(std::min(left.weight(), right.weight()));
  const auto order = [&](std::string_view text) { return compare(runtime, left, right, text); };
  switch (op) {
    case ComparisonOperator::equal:
      return are_equal(left, right);
    case ComparisonOperator::not_equal:
      return !are_equal(left, right);
    case ComparisonOperator::less:
      return order("<") == Order::less;
    case ComparisonOperator::greater:
      return order(">") == Order::greater;
    case ComparisonOperator::less_equal: {
      const auto found = order("<=");
      return found && *found != Order::greater;
    }
    case ComparisonOperator::greater_equal: {
      const auto found = order(">=");
      return found && *found != Order::less;
    }
    case ComparisonOperator::in:
      return contains(runtime, right, left);
    case ComparisonOperator::not_in:
      return !contains(runtime, right, left);
  }
  return false;
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  runtime.step(container.weight());
  switch (container.kind()) {
    case Kind::string:
      if (!item.is_string()) {
        if (item.is_undefined())
          runtime.fail("found an undefined value in a string: {}", item.as<UndefinedObject>().message);
        runtime.fail("found '{}' in a string, expected a string", type_name(item));
      }
      return find_text(runtime, container.text(), item.text()) != std::string_view::npos;
    case Kind::dict:
      runtime.expect_key(item);
      return container.as<DictObject>().dictionary.find(item) != nullptr;
    default:
      break;
  }
  ValueIterator iterator(runtime, container);
  while (const auto candidate = iterator.next()) {
    runtime.step(std::min(candidate->weight(), item.weight()));
    if (are_equal(*candidate, item)) return true;
  }
  return false;
}

}  // namespace quandex::jinja
