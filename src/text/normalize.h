// What a tokenizer does to text before anything else looks at it.
#pragma once

#include <string>
#include <string_view>

namespace quandex {

// Canonical composition (NFC) of valid UTF-8. Throws Error{out_of_memory}.
std::string to_nfc(std::string_view text);

// Text of which that is known at a glance to be the text itself.
bool is_surely_nfc(std::string_view text);

}  // namespace quandex
