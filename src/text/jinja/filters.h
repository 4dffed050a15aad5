// The filters of jinja2, by name.
#pragma once

#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

// One that jinja2 has and this engine refuses has no function.
struct Filter {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Value& operand, const Arguments& arguments);
};

const Filter* find_filter(std::string_view name);

Value apply_filter(Runtime& runtime, const Filter& filter, const Value& operand, const Arguments& arguments);

}  // namespace quandex::jinja
