#include <functional>

#include "base/shown.h"
#include "text/jinja/attribute_path.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/filters.h"
#include "text/jinja/iteration.h"
#include "text/jinja/operators.h"
#include "text/jinja/tests.h"

namespace quandex::jinja::filter {
namespace {

// The name of a filter or test among the arguments, taken out.
std::string take_name(Runtime& runtime, Arguments& arguments, std::string_view what) {
  const Value name = arguments.positional.front();
  arguments.positional.erase(arguments.positional.begin());
  if (!name.is_string()) runtime.fail("found '{}', expected the name of a {} in quotes", type_name(name), what);
  return std::string(name.text());
}

using Change = std::function<Value(const Value&)>;

Change make_map(Runtime& runtime, Arguments arguments) {
  if (arguments.positional.empty()) {
    const Value attribute = arguments.take("attribute");
    if (attribute.is_missing()) runtime.fail("found no filter to map, expected its name or an attribute");
    const AttributePath path(runtime, attribute, arguments.take("default"));
    if (!arguments.keyword.empty()) {
      runtime.fail("found the argument '{}' of map, which has none", shown(arguments.keyword.front().first));
    }
    return [&runtime, path](const Value& item) { return path.get(runtime, item); };
  }
  const std::string name = take_name(runtime, arguments, "filter");
  const Filter* const filter = find_filter(name);
  if (filter == nullptr) runtime.fail("found the filter '{}', expected one that jinja2 has", shown(name));
  return [&runtime, filter, arguments = std::move(arguments)](const Value& item) {
    return apply_filter(runtime, *filter, item, arguments);
  };
}

using Claim = std::function<bool(const Value&)>;

Claim make_claim(Runtime& runtime, Arguments arguments, bool has_attribute) {
  Value attribute;
  if (has_attribute) {
    if (arguments.positional.empty()) runtime.fail("found no attribute to select by");
    attribute = arguments.positional.front();
    arguments.positional.erase(arguments.positional.begin());
  }
  const AttributePath path(runtime, attribute);
  if (arguments.positional.empty()) {
    return [&runtime, path](const Value& item) { return is_true(path.get(runtime, item)); };
  }
  const std::string name = take_name(runtime, arguments, "test");
  const Test* const test = find_test(name);
  if (test == nullptr) runtime.fail("found the test '{}', expected one that jinja2 has", shown(name));
  return [&runtime, test, path, arguments = std::move(arguments)](const Value& item) {
    return apply_test(runtime, *test, path.get(runtime, item), arguments);
  };
}

uint32_t nesting_of(const Value& operand, const Arguments& arguments) {
  uint32_t nesting = std::max(operand.nesting(), jinja::nesting_of(arguments.positional));
  for (const auto& [name, value] : arguments.keyword) nesting = std::max(nesting, value.nesting());
  return nesting;
}

// What the arguments take, held once by the function and once more by what it makes of them.
size_t bytes_of(const Arguments& arguments) {
  return 2 * (arguments.positional.size() * sizeof(Value) + arguments.keyword.size() * 128);
}

// Nothing is looked at before the first item is asked for, as in Python: a mistake in what is never used is none.
Value select_items(Runtime& runtime, const Value& operand, const Arguments& arguments, bool has_attribute,
                   bool is_selected) {
  auto next = [&runtime, operand, arguments, has_attribute, is_selected, claim = Claim(),
               items = std::optional<ValueIterator>()]() mutable -> std::optional<Value> {
    const DepthGuard guard(runtime);
    if (!claim) {
      if (!is_true(operand)) return std::nullopt;
      claim = make_claim(runtime, arguments, has_attribute);
      items.emplace(runtime, operand);
    }
    while (auto item = items->next()) {
      if (claim(*item) == is_selected) return item;
    }
    return std::nullopt;
  };
  return runtime.iterator("generator", nesting_of(operand, arguments), std::move(next), bytes_of(arguments));
}

}  // namespace

Value map(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  auto next = [&runtime, operand, arguments, change = Change(),
               items = std::optional<ValueIterator>()]() mutable -> std::optional<Value> {
    const DepthGuard guard(runtime);
    if (!change) {
      if (!is_true(operand)) return std::nullopt;
      change = make_map(runtime, arguments);
      items.emplace(runtime, operand);
    }
    const auto item = items->next();
    return item ? std::optional(change(*item)) : std::nullopt;
  };
  return runtime.iterator("generator", nesting_of(operand, arguments), std::move(next), bytes_of(arguments));
}

Value select(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return select_items(runtime, operand, arguments, false, true);
}

Value reject(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return select_items(runtime, operand, arguments, false, false);
}

Value selectattr(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return select_items(runtime, operand, arguments, true, true);
}

Value rejectattr(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return select_items(runtime, operand, arguments, true, false);
}

}  // namespace quandex::jinja::filter
