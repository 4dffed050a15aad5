// "%s of %d" % values.
#pragma once

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

Value percent_format(Runtime& runtime, const Value& format, const Value& arguments);

}  // namespace quandex::jinja
