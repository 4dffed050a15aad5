// Text from files and vocabularies made fit for one line of a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quandex::cli {

// Line breaks, tabs and other control characters as escapes, bytes that are no UTF-8 as \xNN. Past `max_characters` the
// text is cut and ends in "…".
std::string escaped(std::string_view text, size_t max_characters = static_cast<size_t>(-1));

}  // namespace quandex::cli
