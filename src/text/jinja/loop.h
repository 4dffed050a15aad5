// The variable `loop`: where a for loop stands, and its items. Items are asked for one at a time, as Python does it,
// but for `length` of what has none, which takes all of them.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "text/jinja/iteration.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

struct LoopObject : Object {
  LoopObject(Runtime& runtime_of_it, const Value& iterable)
      : runtime(runtime_of_it),
        iterator(runtime_of_it, iterable),
        known_length(length_of(iterable)),
        held(runtime_of_it) {}

  // Moves to the next item.
  std::optional<Value> next();
  // next() as the loop itself gives it to whoever iterates over `loop`.
  std::optional<Value> next_pair();

  int64_t index0() const { return position; }
  int64_t length();
  bool is_last() { return !peek(); }
  std::optional<Value> peek();

  Runtime& runtime;
  ValueIterator iterator;
  std::optional<int64_t> known_length;
  std::deque<Value> ahead;  // items taken from the iterator that the loop has not come to
  HeldBytes held;           // for them
  int64_t position = -1;
  Value current, before;                           // missing at first
  std::optional<std::vector<Value>> last_changed;  // arguments of the last call of changed()
};

// loop.NAME, or nothing where loops have no such attribute.
std::optional<Value> loop_attribute(Runtime& runtime, const Value& loop, std::string_view name);

}  // namespace quandex::jinja
