#include "text/jinja/iteration.h"

#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"

namespace quandex::jinja {

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::dict_view:
    case Kind::range:
    case Kind::iterator:
    case Kind::loop:
      return true;
    default:
      return false;
  }
}

std::optional<int64_t> length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      return static_cast<int64_t>(value.as<StringObject>().n_characters);
    case Kind::list:
    case Kind::tuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::dict:
      return static_cast<int64_t>(value.as<DictObject>().dictionary.size());
    case Kind::dict_view:
      return length_of(value.as<DictViewObject>().dict);
    case Kind::range:
      return value.as<RangeObject>().length;
    case Kind::loop:
      return value.as<LoopObject>().length();
    default:
      return std::nullopt;
  }
}

ValueIterator::ValueIterator(Runtime& runtime, const Value& iterable) : runtime_(runtime), iterable_(iterable) {
  if (!is_iterable(iterable)) runtime.fail("found '{}', expected something to iterate over", type_name(iterable));
}

std::optional<Value> ValueIterator::next() {
  runtime_.step();
  switch (iterable_.kind()) {
    case Kind::list:
    case Kind::tuple:
      if (position_ >= iterable_.items().size()) return std::nullopt;
      return iterable_.items()[position_++];
    case Kind::string: {
      const std::string_view text = iterable_.text();
      if (position_ >= text.size()) return std::nullopt;
      const size_t begin = position_;
      next_character(text, position_);
      return runtime_.string(text.substr(begin, position_ - begin));
    }
    case Kind::dict: {
      const auto& entries = iterable_.as<DictObject>().dictionary.entries();
      if (position_ >= entries.size()) return std::nullopt;
      return entries[position_++].first;
    }
    case Kind::dict_view:
      return next_of_view(iterable_.as<DictViewObject>());
    case Kind::range: {
      const RangeObject& range = iterable_.as<RangeObject>();
      if (position_ >= static_cast<size_t>(range.length)) return std::nullopt;
      return Value::integer(range.at(static_cast<int64_t>(position_++)));
    }
    case Kind::iterator: {
      auto& next = iterable_.as<IteratorObject>().next;
      if (!next) return std::nullopt;
      auto item = next();
      if (!item) next = nullptr;
      return item;
    }
    case Kind::loop:
      return iterable_.as<LoopObject>().next_pair();
    default:
      return std::nullopt;
  }
}

std::optional<Value> ValueIterator::next_of_view(const DictViewObject& view) {
  const auto& entries = view.dict.as<DictObject>().dictionary.entries();
  if (position_ >= entries.size()) return std::nullopt;
  const auto& [key, value] = entries[position_++];
  if (view.view == DictViewKind::keys) return key;
  if (view.view == DictViewKind::values) return value;
  return runtime_.tuple({key, value});
}

std::vector<Value> to_items(Runtime& runtime, const Value& iterable) {
  ItemsBuilder items(runtime);
  ValueIterator iterator(runtime, iterable);
  while (auto item = iterator.next()) items.add(std::move(*item));
  return items.take();
}

}  // namespace quandex::jinja
