// The tests of jinja2 ("is defined"), by name.
#pragma once

#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

struct Test {
  std::string_view name;
  bool (*apply)(Runtime& runtime, const Value& operand, const Arguments& arguments);
};

const Test* find_test(std::string_view name);

bool apply_test(Runtime& runtime, const Test& test, const Value& operand, const Arguments& arguments);

}  // namespace quandex::jinja
