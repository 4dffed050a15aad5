// The functions of Jinja that templates can call, with those that transformers adds, and the objects they make.
#pragma once

#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

// Missing where there is no function of that name.
Value find_global(Runtime& runtime, std::string_view name);

Value call_global(Runtime& runtime, GlobalFunction function, const Arguments& arguments);
Value call_joiner(Runtime& runtime, const Value& joiner, const Arguments& arguments);
Value call_loop_method(Runtime& runtime, const Value& loop, std::string_view name, const Arguments& arguments);
Value call_cycler_method(Runtime& runtime, const Value& cycler, std::string_view name, const Arguments& arguments);

}  // namespace quandex::jinja
