// Numbers out of text, as Python's int() and float() read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "text/jinja/runtime.h"

namespace quandex::jinja {

// Nothing where the text is no integer of that base (2 to 36, or 0: by its prefix). Fails beyond 64 bits.
std::optional<int64_t> parse_integer(Runtime& runtime, std::string_view text, int64_t base);

std::optional<double> parse_real(std::string_view text);

}  // namespace quandex::jinja
