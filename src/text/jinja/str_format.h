// "{} of {name}".format(...).
#pragma once

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

Value format_string(Runtime& runtime, const Value& format, const Arguments& arguments);

// Python's format(): a value by a specification such as ">8.2f".
std::string format_value(Runtime& runtime, const Value& value, std::string_view specification);

}  // namespace quandex::jinja
