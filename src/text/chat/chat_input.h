// What is given to a chat template.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"

namespace quandex {

struct ChatInput {
  Json messages = Json::array();  // [{"role": "user", "content": "…"}, …]
  Json tools;                     // null: none; else [{"type": "function", "function": {…}}, …]
  bool add_generation_prompt = true;
  // Whether the model thinks; unset: the template's default. It changes the prompt, and with `false` Qwen3's template
  // closes an empty block so that the model cannot think. Qwen's soft switches, `/think` and `/no_think` in a message
  // of the user or the system, are text that the model was trained to obey: they stay in the text.
  std::optional<bool> enable_thinking;
  Json extra;  // an object of further names for the template, or null; names that the renderer sets are refused
};

// Throws Error{invalid_argument} that names the place: messages are objects with a string `role`; `content` is a
// string, null or a list of parts with a string `type`; `tool_calls` hold {"function": {"name": string, "arguments":
// object or JSON text of one}}.
void check_messages(const Json& messages);

}  // namespace quandex
