// From JSON to values, and back to text as Python's json.dumps writes it.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "base/json.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

// The members of a context. Throws Error{invalid_argument} where it is no object.
std::unordered_map<std::string, Value> to_variables(Runtime& runtime, const Json& context);

Value to_value(Runtime& runtime, const Json& json);

struct JsonStyle {
  bool is_ascii = false;              // ensure_ascii
  std::optional<std::string> indent;  // of one level; absent: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sorts_keys = false;
};
std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace quandex::jinja
