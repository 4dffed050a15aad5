// The switches of thinking.
//
// enable_thinking (ChatInput) is the hard switch: it changes the prompt, and with `false` Qwen3's template closes an
// empty block so that the model cannot think. `/think` and `/no_think` are soft: text in a message of the user or the
// system that the model was trained to obey, the most recent one winning. They stay in the text, as Qwen's
// documentation shows it, and have no effect while the hard switch is off. With the soft switch off the model still
// writes a block, an empty one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace quandex {

// The last `/think` or `/no_think` (Qwen also `/nothink`, GLM's spelling) in the messages of user and system, read as
// words: "/thinking" or "a/think" is none. Nothing where there is none.
std::optional<bool> soft_thinking_switch(const Json& messages);

// The text without such words and the white space before them, for showing.
std::string without_thinking_switches(std::string_view text);

}  // namespace quandex
