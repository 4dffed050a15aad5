#include <algorithm>

#include "text/jinja/attribute_path.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/iteration.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja::filter {
namespace {

struct Keyed {
  Value key, item;
};

// Python's sorted() by the keys; equal ones keep their order, in reverse too.
void sort_by_key(Runtime& runtime, std::vector<Keyed>& values, bool is_reverse) {
  std::stable_sort(values.begin(), values.end(), [&](const Keyed& left, const Keyed& right) {
    const Value& first = is_reverse ? right.key : left.key;
    const Value& second = is_reverse ? left.key : right.key;
    runtime.step(std::min(first.weight(), second.weight()));
    return compare(runtime, first, second) == Order::less;
  });
}

template <typename GetKey>
std::vector<Keyed> with_keys(Runtime& runtime, const Value& iterable, GetKey get_key) {
  std::vector<Keyed> keyed;
  HeldBytes held(runtime);
  ValueIterator values(runtime, iterable);
  while (auto item = values.next()) {
    held.cover((keyed.size() + 1) * sizeof(Keyed));
    Value key = get_key(*item);
    keyed.push_back({std::move(key), std::move(*item)});
  }
  return keyed;
}

Value list_of_items(Runtime& runtime, std::vector<Keyed> keyed) {
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (Keyed& one : keyed) items.push_back(std::move(one.item));
  return runtime.list(std::move(items));
}

Value extreme(Runtime& runtime, const Value& operand, const Arguments& arguments, std::string_view name, Order wanted) {
  const BoundArguments bound(runtime, name, arguments, {"case_sensitive", "attribute"}, 0);
  const bool has_case = bound.is_true(0, false);
  const AttributePath path(runtime, bound.get(1));
  std::optional<Keyed> best;
  ValueIterator values(runtime, operand);
  while (auto item = values.next()) {
    Value key = path.get(runtime, *item);
    if (!has_case) key = without_case(runtime, key);
    if (best) {
      runtime.step(std::min(key.weight(), best->key.weight()));
      if (compare(runtime, key, best->key) != wanted) continue;
    }
    best = Keyed{std::move(key), std::move(*item)};
  }
  return best ? best->item : runtime.undefined("No aggregated item, sequence was empty.");
}

}  // namespace

Value min(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return extreme(runtime, operand, arguments, "min", Order::less);
}

Value max(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return extreme(runtime, operand, arguments, "max", Order::greater);
}

Value sort(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "sort", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  const bool has_case = bound.is_true(1, false);
  std::vector<AttributePath> paths;
  if (bound.has_some(2) && bound.get(2).is_string()) {
    for (const std::string_view path : split_text(runtime, bound.get(2).text(), ",", -1)) {
      paths.emplace_back(runtime, runtime.string(std::string(path)));
    }
  } else {
    paths.emplace_back(runtime, bound.get(2));
  }
  auto keyed = with_keys(runtime, operand, [&](const Value& item) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      Value key = path.get(runtime, item);
      keys.push_back(has_case ? std::move(key) : without_case(runtime, key));
    }
    return runtime.list(std::move(keys));
  });
  sort_by_key(runtime, keyed, bound.integer(0, 0) != 0);
  return list_of_items(runtime, std::move(keyed));
}

Value dictsort(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "dictsort", arguments, {"case_sensitive", "by", "reverse"}, 0);
  const bool has_case = bound.is_true(0, false);
  size_t part = 0;
  if (bound.has(1)) {
    const std::string by = to_text(runtime, bound.get(1));
    if (by != "key" && by != "value") runtime.fail("found another order of dictsort than 'key' and 'value'");
    part = by == "value" ? 1 : 0;
  }
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (!operand.is(Kind::dict)) runtime.fail("found '{}', expected a dict to sort", type_name(operand));
  auto keyed = with_keys(runtime, runtime.dict_view(operand, DictViewKind::items), [&](const Value& pair) {
    return has_case ? pair.items()[part] : without_case(runtime, pair.items()[part]);
  });
  sort_by_key(runtime, keyed, bound.integer(2, 0) != 0);
  return list_of_items(runtime, std::move(keyed));
}

Value groupby(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool has_case = bound.is_true(2, false);
  const AttributePath path(runtime, bound.get(0), bound.get(1));
  auto keyed = with_keys(runtime, operand, [&](const Value& item) {
    Value key = path.get(runtime, item);
    return has_case ? key : without_case(runtime, key);
  });
  sort_by_key(runtime, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    std::vector<Value> members;
    size_t end = begin;
    for (; end < keyed.size() && are_equal(keyed[end].key, keyed[begin].key); ++end) {
      runtime.step(keyed[end].key.weight());
      members.push_back(keyed[end].item);
    }
    if (members.empty()) members.push_back(keyed[end++].item);  // NaN is not even equal to itself
    groups.push_back(runtime.group(path.get(runtime, members.front()), runtime.list(members)));
    begin = end;
  }
  return runtime.list(std::move(groups));
}

Value unique(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "unique", arguments, {"case_sensitive", "attribute"}, 0);
  const bool has_case = bound.is_true(0, false);
  auto next = [&runtime, has_case, path = AttributePath(runtime, bound.get(1)),
               values = ValueIterator(runtime, operand), seen = Dictionary(),
               held = std::make_shared<HeldBytes>(runtime)]() mutable -> std::optional<Value> {
    while (auto item = values.next()) {
      Value key = path.get(runtime, *item);
      if (!has_case) key = without_case(runtime, key);
      runtime.expect_key(key);
      if (seen.find(key) != nullptr) continue;
      held->cover((seen.size() + 1) * (sizeof(Dictionary::Entry) + 64));
      seen.set(std::move(key), Value::none());
      return item;
    }
    return std::nullopt;
  };
  return runtime.iterator("generator", operand.nesting(), std::move(next));
}

}  // namespace quandex::jinja::filter
