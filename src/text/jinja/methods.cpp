#include "text/jinja/methods.h"

#include <algorithm>
#include <array>

#include "base/shown.h"
#include "text/jinja/iteration.h"
#include "text/jinja/operators.h"

namespace quandex::jinja {
namespace {

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 4> kRefusedOfStrings = {"encode", "format_map", "maketrans", "translate"};
constexpr std::array<std::string_view, 3> kOfLists = {"copy", "count", "index"};
constexpr std::array<std::string_view, 8> kForbiddenOfLists = {"append", "clear", "pop",    "reverse",
                                                               "insert", "sort",  "extend", "remove"};
constexpr std::array<std::string_view, 2> kOfTuples = {"count", "index"};
constexpr std::array<std::string_view, 5> kOfDicts = {"get", "items", "keys", "values", "copy"};
constexpr std::array<std::string_view, 5> kForbiddenOfDicts = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 1> kRefusedOfDicts = {"fromkeys"};
constexpr std::array<std::string_view, 2> kRefusedOfKeys = {"isdisjoint", "mapping"};
constexpr std::array<std::string_view, 5> kRefusedOfNumbers = {"bit_count", "bit_length", "conjugate", "from_bytes",
                                                               "to_bytes"};
constexpr std::array<std::string_view, 5> kRefusedOfReals = {"as_integer_ratio", "conjugate", "fromhex", "hex",
                                                             "is_integer"};

Value count_in_sequence(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(runtime, "count", arguments, {"value"}, 1);
  int64_t n = 0;
  for (const Value& item : self.items()) n += are_equal(item, bound.get(0)) ? 1 : 0;
  return Value::integer(n);
}

Value index_in_sequence(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(runtime, "index", arguments, {"value", "start", "stop"}, 1);
  const auto length = static_cast<int64_t>(self.items().size());
  const auto clamp = [&](int64_t at) {
    return at < 0 ? std::max<int64_t>(0, at < -length ? 0 : at + length) : std::min(at, length);
  };
  const int64_t stop = clamp(bound.integer(2, length));
  for (int64_t i = clamp(bound.integer(1, 0)); i < stop; ++i) {
    if (are_equal(self.items()[static_cast<size_t>(i)], bound.get(0))) return Value::integer(i);
  }
  runtime.fail("found no such value in the {}", type_name(self));
}

Value call_dict_method(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments) {
  if (name == "get") {
    if (!arguments.keyword.empty()) runtime.fail("found a named argument of get, which has none");
    const BoundArguments bound(runtime, "get", arguments, {"key", "default"}, 1);
    runtime.expect_key(bound.get(0));
    const Value* value = self.as<DictObject>().dictionary.find(bound.get(0));
    return value != nullptr ? *value : bound.get_or(1, Value::none());
  }
  const BoundArguments bound(runtime, name, arguments, {}, 0);
  if (name == "items") return runtime.dict_view(self, DictViewKind::items);
  if (name == "keys") return runtime.dict_view(self, DictViewKind::keys);
  if (name == "values") return runtime.dict_view(self, DictViewKind::values);
  return runtime.dict(self.as<DictObject>().dictionary);
}

}  // namespace

bool has_string_method(std::string_view name);  // methods_string.cpp

MethodState method_state(const Value& self, std::string_view name) {
  const auto state = [&](const auto& callable, const auto& forbidden, const auto& refused) {
    if (is_one_of(callable, name)) return MethodState::callable;
    if (is_one_of(forbidden, name)) return MethodState::forbidden;
    return is_one_of(refused, name) ? MethodState::refused : MethodState::none;
  };
  constexpr std::array<std::string_view, 0> kNone = {};
  switch (self.kind()) {
    case Kind::string:
      if (has_string_method(name)) return MethodState::callable;
      return state(kNone, kNone, kRefusedOfStrings);
    case Kind::list:
      return state(kOfLists, kForbiddenOfLists, kNone);
    case Kind::tuple:
      return state(kOfTuples, kNone, kNone);
    case Kind::dict:
      return state(kOfDicts, kForbiddenOfDicts, kRefusedOfDicts);
    case Kind::range:
      return state(kNone, kNone, kOfTuples);
    case Kind::dict_view:
      return state(kNone, kNone, kRefusedOfKeys);
    case Kind::boolean:
    case Kind::integer:
      return state(kNone, kNone, kRefusedOfNumbers);
    case Kind::real:
      return state(kNone, kNone, kRefusedOfReals);
    default:
      return MethodState::none;
  }
}

Value call_method(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments) {
  if (self.is_string()) return call_string_method(runtime, self, name, arguments);
  runtime.step(name == "get" || self.is(Kind::dict) ? 1 : self.weight());
  if (self.is(Kind::dict)) return call_dict_method(runtime, self, name, arguments);
  if (!arguments.keyword.empty()) runtime.fail("found a named argument of {}, which has none", name);
  if (name == "count") return count_in_sequence(runtime, self, arguments);
  if (name == "index") return index_in_sequence(runtime, self, arguments);
  const BoundArguments bound(runtime, name, arguments, {}, 0);
  return runtime.list(self.items());
}

}  // namespace quandex::jinja
