// Escapes of string literals, resolved as Python's "unicode-escape" does.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace quandex::jinja {

struct LiteralDefect {
  size_t offset;  // of the escape in the literal
  ErrorCode code;
  std::string message;
};

// Appends what the text between the quotes stands for, or says what is wrong with it.
std::optional<LiteralDefect> unescape(std::string_view literal, std::string& value);

}  // namespace quandex::jinja
