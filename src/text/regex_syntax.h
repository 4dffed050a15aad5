// Where Oniguruma, for which tokenizer files write their regular expressions, and PCRE2, which runs them here, read the
// same characters as different things.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace quandex {

// The first construct of the pattern that the two do not agree on, or that neither knows; nothing where they agree.
// What SplitPattern spells out for PCRE2 (\s, \w, \b and their negations, ^ and $) is agreed on.
std::optional<std::string> find_syntax_difference(std::string_view pattern);

}  // namespace quandex
