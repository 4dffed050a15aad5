// Methods of strings, lists, tuples and dicts.
#pragma once

#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

enum class MethodState : uint8_t {
  none,  // the type has no method of that name
  callable,
  forbidden,  // the sandbox forbids it, as it would change the value
  refused,    // Python has it, this engine does not
};
MethodState method_state(const Value& self, std::string_view name);

// The method is callable.
Value call_method(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments);

// By type, for call_method.
Value call_string_method(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments);

}  // namespace quandex::jinja
