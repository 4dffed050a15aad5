#include "text/jinja/subscript.h"

#include <algorithm>

#include "base/shown.h"
#include "text/jinja/ast.h"
#include "text/jinja/loop.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace quandex::jinja {
namespace {

// How messages of jinja2 name the type of a value.
std::string object_name(const Value& object) {
  if (object.is_none()) return "None";
  return fmt::format("{} object", type_name(object));
}

Value undefined_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  return runtime.undefined(fmt::format("'{}' has no attribute '{}'", object_name(object), shown(name)));
}

Value undefined_item(Runtime& runtime, const Value& object, const Value& index) {
  if (index.is_string()) return undefined_attribute(runtime, object, index.text());
  if (index.is_number() || index.is_none()) {
    return runtime.undefined(fmt::format("{} has no element {}", object_name(object), to_text(runtime, index)));
  }
  return runtime.undefined(fmt::format("{} has no such element of type '{}'", object_name(object), type_name(index)));
}

Value unsafe_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  return runtime.undefined(
      fmt::format("access to attribute '{}' of '{}' object is unsafe", shown(name), type_name(object)), true);
}

std::optional<Value> macro_attribute(Runtime& runtime, const MacroObject& object, std::string_view name) {
  const Macro& macro = *object.macro;
  if (name == "name") return macro.name.empty() ? Value::none() : runtime.string(macro.name);
  if (name == "catch_kwargs") return Value::boolean(macro.takes_keyword);
  if (name == "catch_varargs") return Value::boolean(macro.takes_positional);
  if (name == "caller") return Value::boolean(macro.takes_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const MacroParameter& parameter : macro.parameters) names.push_back(runtime.string(parameter.name));
  return runtime.tuple(std::move(names));
}

std::optional<Value> cycler_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  const CyclerObject& cycler = value.as<CyclerObject>();
  if (name == "current") return cycler.items[cycler.position];
  if (name == "items") return runtime.tuple(cycler.items);
  if (name == "pos") return Value::integer(static_cast<int64_t>(cycler.position));
  if (name == "next" || name == "reset") return runtime.method(value, name);
  return std::nullopt;
}

std::optional<Value> range_attribute(const RangeObject& range, std::string_view name) {
  if (name == "start") return Value::integer(range.start);
  if (name == "stop") return Value::integer(range.stop);
  if (name == "step") return Value::integer(range.step);
  return std::nullopt;
}

std::optional<Value> own_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::name_space: {
      const Value* value = object.as<NamespaceObject>().attributes.find(name);
      return value == nullptr ? std::nullopt : std::optional(*value);
    }
    case Kind::loop:
      return loop_attribute(runtime, object, name);
    case Kind::macro:
      return macro_attribute(runtime, object.as<MacroObject>(), name);
    case Kind::cycler:
      return cycler_attribute(runtime, object, name);
    case Kind::joiner:
      if (name == "sep") return object.as<JoinerObject>().separator;
      if (name == "used") return Value::boolean(object.as<JoinerObject>().is_used);
      return std::nullopt;
    case Kind::range:
      return range_attribute(object.as<RangeObject>(), name);
    case Kind::tuple:
      if (object.as<SequenceObject>().is_group && name == "grouper") return object.items()[0];
      if (object.as<SequenceObject>().is_group && name == "list") return object.items()[1];
      return std::nullopt;
    case Kind::boolean:
    case Kind::integer:
      if (name == "real" || name == "numerator") return Value::integer(object.as_integer());
      if (name == "imag") return Value::integer(0);
      if (name == "denominator") return Value::integer(1);
      return std::nullopt;
    case Kind::real:
      if (name == "real") return object;
      if (name == "imag") return Value::real(0);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// The item alone; nothing where there is none.
std::optional<Value> find_item(Runtime& runtime, const Value& object, const Value& index) {
  if (object.is(Kind::dict)) {
    if (!is_hashable(index)) return std::nullopt;
    runtime.step(index.weight());
    const Value* value = object.as<DictObject>().dictionary.find(index);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }
  if (!index.is_integral()) return std::nullopt;
  const bool is_indexable = object.is_string() || object.is_sequence() || object.is(Kind::range);
  if (!is_indexable) return std::nullopt;
  const int64_t length = *length_of(object);
  const int64_t at = index.as_integer() < 0 ? index.as_integer() + length : index.as_integer();
  if (at < 0 || at >= length) return std::nullopt;
  if (object.is(Kind::range)) return Value::integer(object.as<RangeObject>().at(at));
  if (object.is_sequence()) return object.items()[static_cast<size_t>(at)];
  const StringObject& string = object.as<StringObject>();
  if (!string.is_ascii()) runtime.step_over_bytes(string.text.size());
  const size_t begin = string.is_ascii() ? static_cast<size_t>(at) : byte_offset(string.text, static_cast<size_t>(at));
  size_t end = begin;
  next_character(string.text, end);
  return runtime.string(string.text.substr(begin, end - begin), string.is_markup);
}

}  // namespace

std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (name.starts_with("__")) return unsafe_attribute(runtime, object, name);
  switch (method_state(object, name)) {
    case MethodState::callable:
      return runtime.method(object, name);
    case MethodState::forbidden:
      return unsafe_attribute(runtime, object, name);
    case MethodState::refused:
      runtime.refuse("the method '{}' of '{}' is not supported", shown(name), type_name(object));
    case MethodState::none:
      break;
  }
  std::optional<Value> value = own_attribute(runtime, object, name);
  if (value && name.starts_with('_')) return unsafe_attribute(runtime, object, name);
  return value;
}

Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is_undefined()) fail_undefined(runtime, object);
  if (auto attribute = find_attribute(runtime, object, name)) return *attribute;
  if (object.is(Kind::dict)) {
    if (const Value* item = object.as<DictObject>().dictionary.find(name)) return *item;
  }
  return undefined_attribute(runtime, object, name);
}

Value get_item(Runtime& runtime, const Value& object, const Value& index) {
  if (object.is_undefined()) fail_undefined(runtime, object);
  if (auto item = find_item(runtime, object, index)) return *item;
  if (index.is_string()) {
    if (auto attribute = find_attribute(runtime, object, index.text())) return *attribute;
  }
  return undefined_item(runtime, object, index);
}

namespace {

struct SliceBounds {
  int64_t start, stop, step, length;  // `length` of the result
};

int64_t slice_part(Runtime& runtime, const Value& part, int64_t otherwise) {
  if (part.is_missing() || part.is_none()) return otherwise;
  if (part.is_undefined()) fail_undefined(runtime, part);
  if (!part.is_integral()) {
    runtime.fail("found '{}' in a slice, expected integers or none", type_name(part));
  }
  return part.as_integer();
}

SliceBounds slice_bounds(Runtime& runtime, int64_t length, const Value& start, const Value& stop, const Value& step) {
  SliceBounds bounds{};
  bounds.step = slice_part(runtime, step, 1);
  if (bounds.step == 0) runtime.fail("found a slice with the step 0");
  bounds.step = std::max(bounds.step, -INT64_MAX);
  const bool is_forward = bounds.step > 0;
  const int64_t low = is_forward ? 0 : -1;
  const int64_t high = is_forward ? length : length - 1;
  const auto clamp = [&](const Value& part, int64_t otherwise) {
    int64_t at = slice_part(runtime, part, otherwise);
    if (part.is_missing() || part.is_none()) return at;
    if (at < 0) at = at < -length ? -1 : at + length;
    return std::clamp(at, low, high);
  };
  bounds.start = clamp(start, is_forward ? low : high);
  bounds.stop = clamp(stop, is_forward ? high : low);
  const int64_t span = is_forward ? bounds.stop - bounds.start : bounds.start - bounds.stop;
  const int64_t stride = is_forward ? bounds.step : -bounds.step;
  bounds.length = span <= 0 ? 0 : (span - 1) / stride + 1;
  return bounds;
}

Value slice_string(Runtime& runtime, const StringObject& string, const SliceBounds& bounds) {
  runtime.step_over_bytes(string.text.size());
  if (bounds.length == 0) return runtime.string(std::string(), string.is_markup);
  const auto offset = [&](int64_t character) {
    const auto at = static_cast<size_t>(character);
    return string.is_ascii() ? at : byte_offset(string.text, at);
  };
  if (bounds.step == 1) {
    const size_t begin = offset(bounds.start);
    return runtime.string(string.text.substr(begin, offset(bounds.stop) - begin), string.is_markup);
  }
  std::vector<size_t> begins;  // of every character, and the end
  begins.reserve(string.n_characters + 1);
  for (size_t i = 0; i < string.text.size(); next_character(string.text, i)) begins.push_back(i);
  begins.push_back(string.text.size());
  std::string text;
  for (int64_t i = 0; i < bounds.length; ++i) {
    const auto at = static_cast<size_t>(bounds.start + i * bounds.step);
    text += string.text.substr(begins[at], begins[at + 1] - begins[at]);
  }
  return runtime.string(std::move(text), string.is_markup);
}

Value slice_range(Runtime& runtime, const RangeObject& range, const SliceBounds& bounds) {
  const auto in_64_bits = [](__int128 value) {
    return static_cast<int64_t>(std::clamp<__int128>(value, INT64_MIN, INT64_MAX));
  };
  const auto at = [&](int64_t index) { return in_64_bits(range.start + static_cast<__int128>(index) * range.step); };
  return runtime.range(at(bounds.start), at(bounds.stop), in_64_bits(static_cast<__int128>(range.step) * bounds.step));
}

}  // namespace

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail_undefined(runtime, object);
  const bool is_sliceable = object.is_string() || object.is_sequence() || object.is(Kind::range);
  if (!is_sliceable) {
    runtime.fail("found a slice of '{}', expected a string, list, tuple or range", type_name(object));
  }
  const SliceBounds bounds = slice_bounds(runtime, *length_of(object), start, stop, step);
  if (object.is_string()) return slice_string(runtime, object.as<StringObject>(), bounds);
  if (object.is(Kind::range)) return slice_range(runtime, object.as<RangeObject>(), bounds);
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(bounds.length));
  for (int64_t i = 0; i < bounds.length; ++i) {
    items.push_back(object.items()[static_cast<size_t>(bounds.start + i * bounds.step)]);
  }
  runtime.step(static_cast<uint64_t>(bounds.length) / 8);
  return object.is(Kind::list) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

}  // namespace quandex::jinja
