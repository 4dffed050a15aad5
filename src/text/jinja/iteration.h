// Walking over values.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

bool is_iterable(const Value& value);

// len() of a value, or nothing where it has none.
std::optional<int64_t> length_of(const Value& value);

// Python's iter(). Fails where the value cannot be iterated over. Copies share nothing but iterators.
class ValueIterator {
 public:
  ValueIterator(Runtime& runtime, const Value& iterable);
  std::optional<Value> next();

 private:
  std::optional<Value> next_of_view(const DictViewObject& view);

  Runtime& runtime_;
  Value iterable_;
  size_t position_ = 0;  // of the next item; in strings a byte
};

// list() of a value.
std::vector<Value> to_items(Runtime& runtime, const Value& iterable);

}  // namespace quandex::jinja
