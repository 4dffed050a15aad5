// Attributes and items of values, by the rules of jinja2's sandbox.
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

// object.name: attributes come before items. Undefined where there is neither.
Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);

// object[index]: items come before attributes.
Value get_item(Runtime& runtime, const Value& object, const Value& index);

// The attribute alone, as the filter `attr` and format strings look it up; nothing where there is none.
std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name);

// object[start:stop:step]; absent parts are missing or none.
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step);

}  // namespace quandex::jinja
