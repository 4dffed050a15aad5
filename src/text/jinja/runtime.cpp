#include "text/jinja/runtime.h"

#include <algorithm>

#include "base/shown.h"
#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"

namespace quandex::jinja {
namespace {

size_t bytes_of(const Dictionary& dictionary) {
  constexpr size_t kIndexEntry = 64;  // what the index takes for an entry, about
  return dictionary.size() * (sizeof(Dictionary::Entry) + kIndexEntry);
}

uint64_t add_weight(uint64_t sum, const Value& value) {
  constexpr uint64_t kMost = uint64_t{1} << 62;  // a tree that shares its parts can be larger than any number
  return std::min(kMost, sum + value.weight());
}

}  // namespace

uint32_t nesting_of(const std::vector<Value>& values) {
  uint32_t nesting = 0;
  for (const Value& value : values) nesting = std::max(nesting, value.nesting());
  return nesting;
}

Value Runtime::string(std::string text, bool is_markup) {
  auto object = make_object<StringObject>(text.size(), 0);
  object->n_characters = count_characters(text);
  object->weight = 1 + text.size() / 64;
  object->text = std::move(text);
  object->is_markup = is_markup;
  return {Kind::string, std::move(object)};
}

Value Runtime::sequence(Kind kind, std::vector<Value> items) {
  auto object = make_object<SequenceObject>(items.size() * sizeof(Value), nesting_of(items));
  for (const Value& item : items) object->weight = add_weight(object->weight, item);
  object->items = std::move(items);
  return {kind, std::move(object)};
}

Value Runtime::group(Value grouper, Value items) {
  std::vector<Value> parts;
  parts.push_back(std::move(grouper));
  parts.push_back(std::move(items));
  Value value = tuple(std::move(parts));
  value.as<SequenceObject>().is_group = true;
  return value;
}

Value Runtime::dict(Dictionary dictionary) {
  uint32_t nesting = 0;
  for (const auto& [key, value] : dictionary.entries()) nesting = std::max({nesting, key.nesting(), value.nesting()});
  auto object = make_object<DictObject>(bytes_of(dictionary), nesting);
  for (const auto& [key, value] : dictionary.entries()) {
    object->weight = add_weight(add_weight(object->weight, key), value);
  }
  object->dictionary = std::move(dictionary);
  return {Kind::dict, std::move(object)};
}

Value Runtime::dict_view(const Value& dict, DictViewKind view) {
  auto object = make_object<DictViewObject>(0, dict.nesting());
  object->weight = dict.weight();
  object->dict = dict;
  object->view = view;
  return {Kind::dict_view, std::move(object)};
}

Value Runtime::range(int64_t start, int64_t stop, int64_t step) {
  auto object = make_object<RangeObject>(0, 0);
  object->start = start;
  object->stop = stop;
  object->step = step;
  // In 128 bits, where nothing overflows.
  const __int128 span = step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
  const __int128 stride = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  const __int128 length = span <= 0 ? 0 : (span + stride - 1) / stride;
  if (length > INT64_MAX) fail("found a range of more than 2**63 numbers");
  object->length = static_cast<int64_t>(length);
  return {Kind::range, std::move(object)};
}

Value Runtime::iterator(const char* type_name, uint32_t nesting, std::function<std::optional<Value>()> next,
                        size_t bytes) {
  constexpr size_t kFunction = 256;  // what a function of ours takes, about
  auto object = make_object<IteratorObject>(kFunction + bytes, nesting);
  object->type_name = type_name;
  object->next = std::move(next);
  return {Kind::iterator, std::move(object)};
}

Value Runtime::undefined(std::string message, bool is_security) {
  auto object = make_object<UndefinedObject>(message.size(), 0);
  object->message = std::move(message);
  object->is_security = is_security;
  return {Kind::undefined, std::move(object)};
}

Value Runtime::undefined_variable(std::string_view name) {
  return undefined(fmt::format("'{}' is undefined", shown(name)));
}

Value Runtime::method(const Value& self, std::string_view name) {
  auto object = make_object<MethodObject>(name.size(), self.nesting());
  object->self = self;
  object->name = name;
  return {Kind::method, std::move(object)};
}

Value Runtime::name_space(Dictionary attributes) {
  auto object = make_object<NamespaceObject>(bytes_of(attributes) + sizeof(Value), 0);
  object->attributes = std::move(attributes);
  Value value(Kind::name_space, std::move(object));
  remember(value);
  return value;
}

// Emptied one by one while all of them are still held, so that a chain of them is not taken down recursively.
Runtime::~Runtime() {
  for (const Value& value : changeable_) {
    if (value.is(Kind::name_space)) value.as<NamespaceObject>().attributes.clear();
    if (value.is(Kind::loop)) value.as<LoopObject>().last_changed.reset();
  }
}

void Runtime::expect_key(const Value& key) {
  step(key.weight());
  if (!is_hashable(key)) fail("found a key of type '{}', expected one that is hashable", type_name(key));
}

void HeldBytes::grow(size_t n_bytes) {
  const size_t n_wanted = std::max({n_bytes, 2 * n_covered_, size_t{256}});
  charge_ = Charge();  // given back first, so that only one of the two is counted
  charge_ = runtime_.charge(n_wanted);
  n_covered_ = n_wanted;
}

void Runtime::fail_steps() const {
  fail("the template takes more than {} steps, the most that are allowed", options_.max_steps);
}

void Runtime::fail_depth() const {
  fail("the template nests more than {} statements, expressions and calls, the most that are allowed",
       options_.max_depth);
}

void Runtime::fail_memory() const {
  fail("the template holds more than {} bytes of values, the most that are allowed", account_.limit());
}

void Runtime::fail_nesting() const { fail("found values nested more than {} deep", kMaxNesting); }

}  // namespace quandex::jinja
