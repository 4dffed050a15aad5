#include "text/jinja/loop.h"

namespace quandex::jinja {

std::optional<Value> LoopObject::next() {
  std::optional<Value> item = peek();
  if (!item) return std::nullopt;
  ahead.pop_front();
  ++position;
  before = std::move(current);
  current = *item;
  return item;
}

std::optional<Value> LoopObject::next_pair() {
  if (!next()) return std::nullopt;
  runtime.refuse("iterating over 'loop' is not supported");
}

std::optional<Value> LoopObject::peek() {
  if (ahead.empty()) {
    if (auto item = iterator.next()) ahead.push_back(std::move(*item));
  }
  return ahead.empty() ? std::nullopt : std::optional(ahead.front());
}

int64_t LoopObject::length() {
  if (!known_length) {
    while (auto item = iterator.next()) {
      held.cover((ahead.size() + 1) * sizeof(Value));
      ahead.push_back(std::move(*item));
    }
    known_length = position + 1 + static_cast<int64_t>(ahead.size());
  }
  return *known_length;
}

std::optional<Value> loop_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  LoopObject& loop = value.as<LoopObject>();
  if (name == "index") return Value::integer(loop.index0() + 1);
  if (name == "index0") return Value::integer(loop.index0());
  if (name == "first") return Value::boolean(loop.index0() == 0);
  if (name == "last") return Value::boolean(loop.is_last());
  if (name == "length") return Value::integer(loop.length());
  if (name == "revindex") return Value::integer(loop.length() - loop.index0());
  if (name == "revindex0") return Value::integer(loop.length() - loop.index0() - 1);
  if (name == "depth") return Value::integer(1);  // recursive loops are refused
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem") {
    return loop.index0() == 0 ? runtime.undefined("there is no previous item") : loop.before;
  }
  if (name == "nextitem") {
    const auto next = loop.peek();
    return next ? *next : runtime.undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") return runtime.method(value, name);
  return std::nullopt;
}

}  // namespace quandex::jinja
