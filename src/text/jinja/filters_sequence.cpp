#include <algorithm>

#include "text/jinja/attribute_path.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/iteration.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/subscript.h"

namespace quandex::jinja::filter {

Value attr(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "attr", arguments, {"name"}, 1);
  if (!bound.get(0).is_string()) runtime.fail("found '{}' as the name of an attribute", type_name(bound.get(0)));
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  const std::string_view name = bound.get(0).text();
  if (auto value = find_attribute(runtime, operand, name)) return *value;
  return runtime.undefined(fmt::format("'{} object' has no attribute '{}'", type_name(operand), name));
}

Value default_value(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "default", arguments, {"default_value", "boolean"}, 0);
  const bool is_replaced = operand.is_undefined() || (bound.is_true(1, false) && !is_true(operand));
  if (!is_replaced) return operand;
  return bound.has(0) ? bound.get(0) : runtime.string("");
}

Value first(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "first", arguments, {}, 0);
  const auto item = ValueIterator(runtime, operand).next();
  return item ? *item : runtime.undefined("No first item, sequence was empty.");
}

namespace {

// Whether Python's reversed() takes the value.
bool is_reversible(const Value& value) { return length_of(value).has_value() && !value.is(Kind::loop); }

// The items of what is reversible, in their order.
std::vector<Value> items_of(Runtime& runtime, const Value& value) {
  runtime.step(static_cast<uint64_t>(length_of(value).value_or(0)) / 8);
  return to_items(runtime, value);
}

}  // namespace

Value last(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "last", arguments, {}, 0);
  if (!is_reversible(operand))
    runtime.fail("found '{}', expected a sequence to take the last item of", type_name(operand));
  const int64_t length = *length_of(operand);
  if (length == 0) return runtime.undefined("No last item, sequence was empty.");
  if (operand.is(Kind::dict) || operand.is(Kind::dict_view)) return items_of(runtime, operand).back();
  return get_item(runtime, operand, Value::integer(length - 1));
}

Value length(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "length", arguments, {}, 0);
  const auto length = length_of(operand);
  if (!length) runtime.fail("found '{}', expected a value that has a length", type_name(operand));
  return Value::integer(*length);
}

Value list(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "list", arguments, {}, 0);
  return runtime.list(to_items(runtime, operand));
}

Value items(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "items", arguments, {}, 0);
  auto next = [&runtime, operand, entries = std::optional<ValueIterator>()]() mutable -> std::optional<Value> {
    if (operand.is_undefined()) return std::nullopt;
    if (!operand.is(Kind::dict)) runtime.fail("found '{}', expected a dict to take the items of", type_name(operand));
    if (!entries) entries.emplace(runtime, runtime.dict_view(operand, DictViewKind::items));
    return entries->next();
  };
  return runtime.iterator("generator", operand.nesting() + 1, std::move(next));
}

Value join(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "join", arguments, {"d", "attribute"}, 0);
  const std::string separator = bound.has(0) ? to_text(runtime, bound.get(0)) : std::string();
  const AttributePath path(runtime, bound.get(1));
  TextBuilder out(runtime);
  bool is_first = true;
  ValueIterator values(runtime, operand);
  while (const auto item = values.next()) {
    const Value value = path.get(runtime, *item);
    if (!is_first) out.append(separator);
    is_first = false;
    out.append(value.is_string() ? value.text() : std::string_view(to_text(runtime, value)));
  }
  return out.finish();
}

Value reverse(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "reverse", arguments, {}, 0);
  if (operand.is_string()) return get_slice(runtime, operand, {}, {}, Value::integer(-1));
  if (!is_iterable(operand)) runtime.fail("found '{}', expected something to reverse", type_name(operand));
  std::vector<Value> reversed = items_of(runtime, operand);
  std::reverse(reversed.begin(), reversed.end());
  if (!is_reversible(operand)) return runtime.list(std::move(reversed));
  // An iterator, which can be walked once and has no length; it may not hold more than its account knows.
  const Value held = runtime.list(std::move(reversed));
  const char* name = operand.is(Kind::list) ? "list_reverseiterator" : "reversed";
  return runtime.iterator(name, held.nesting(),
                          [rest = ValueIterator(runtime, held)]() mutable { return rest.next(); });
}

Value sum(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "sum", arguments, {"attribute", "start"}, 0);
  const AttributePath path(runtime, bound.get(0));
  Value sum = bound.get_or(1, Value::integer(0));
  if (sum.is_string()) runtime.fail("found a string as the start of a sum, expected no string");
  ValueIterator values(runtime, operand);
  while (const auto item = values.next()) {
    sum = evaluate_binary(runtime, BinaryOperator::add, sum, path.get(runtime, *item));
  }
  return sum;
}

Value batch(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t size = bound.integer(0, 1);
  const Value fill = bound.get_or(1, Value::none());
  // Shared by the copies of the function.
  auto held = std::make_shared<ItemsBuilder>(runtime);
  auto next = [&runtime, size, fill, values = ValueIterator(runtime, operand), held]() mutable -> std::optional<Value> {
    while (auto item = values.next()) {
      if (static_cast<int64_t>(held->size()) == size) {
        Value full = runtime.list(held->take());
        held->add(std::move(*item));
        return full;
      }
      held->add(std::move(*item));
    }
    if (held->size() == 0) return std::nullopt;
    std::vector<Value> rest = held->take();
    if (!fill.is_none() && static_cast<int64_t>(rest.size()) < size) {
      runtime.expect_room(static_cast<size_t>(std::min<int64_t>(size, INT32_MAX)) * sizeof(Value));
      rest.resize(static_cast<size_t>(size), fill);
    }
    return runtime.list(std::move(rest));
  };
  return runtime.iterator("generator", std::max(operand.nesting(), fill.nesting()) + 1, std::move(next));
}

Value slice(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t n_slices = bound.integer(0, 1);
  const Value fill = bound.get_or(1, Value::none());
  auto next = [&runtime, operand, n_slices, fill, held = Value(), slice_number = int64_t{0},
               at = int64_t{0}]() mutable -> std::optional<Value> {
    if (held.is_missing()) held = runtime.list(to_items(runtime, operand));
    if (n_slices == 0) runtime.fail("found 0 as the number of slices, expected a number of at least 1");
    if (slice_number >= n_slices) return std::nullopt;
    runtime.step();
    const auto& items = held.items();
    const auto length = static_cast<int64_t>(items.size());
    const bool has_extra = slice_number < length % n_slices;
    const int64_t end = at + length / n_slices + (has_extra ? 1 : 0);
    std::vector<Value> part(items.begin() + at, items.begin() + end);
    if (!fill.is_none() && !has_extra) part.push_back(fill);
    at = end;
    ++slice_number;
    return runtime.list(std::move(part));
  };
  return runtime.iterator("generator", std::max(operand.nesting(), fill.nesting()) + 1, std::move(next));
}

}  // namespace quandex::jinja::filter
