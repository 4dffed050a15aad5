// Places in a template's source, and the errors that name them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace quandex::jinja {

struct Position {
  uint32_t line = 1;
  uint32_t column = 1;  // counts characters
};

[[noreturn]] inline void throw_at(ErrorCode code, std::string_view name, Position at, std::string_view message) {
  throw Error(code, "{}: line {} column {}: {}", name, at.line, at.column, message);
}

}  // namespace quandex::jinja
