// Python's pprint.pformat with its defaults: keys of dicts sorted, lines of at most 80 characters where values allow
// it.
#pragma once

#include <string>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

std::string pretty_print(Runtime& runtime, const Value& value);

}  // namespace quandex::jinja
