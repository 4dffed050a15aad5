// The small words of HTTP's grammar (RFC 9110, section 5.6).
#pragma once

#include <string_view>

#include "base/function_ref.h"

namespace quandex::server {

bool equal_ignoring_case(std::string_view a, std::string_view b);  // of ASCII

bool is_token(std::string_view text);  // a method or the name of a header; not empty

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The value of a hexadecimal digit; -1: it is none.
int hex_value(char c);

// Without the spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

// Calls `visit` for each element of a comma-separated list, trimmed; empty ones are left out.
void for_each_element(std::string_view list, FunctionRef<void(std::string_view)> visit);

}  // namespace quandex::server
