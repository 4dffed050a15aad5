// Text from a file made fit for an error message.
#pragma once

#include <string>
#include <string_view>

namespace quandex {

// A name as messages show it: at most 100 bytes and then "...", valid UTF-8, each control character as '?'.
std::string shown(std::string_view name);

}  // namespace quandex
