// Chat templates of our own writing for well-known formats, for models that come without one. They cover what the
// formats define: roles, and tool calls where their syntax is supported. Used only when the user names one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace quandex {

struct NamedTemplate {
  std::string_view name;     // "chatml"
  std::string_view summary;  // "<|im_start|>role … <|im_end|> (Qwen 1 to 2.5, Yi, many fine-tunes)"
  std::string_view source;   // Jinja
};
std::span<const NamedTemplate> named_templates();
const NamedTemplate* find_named_template(std::string_view name);  // null: none
std::string named_template_list();                                // "chatml, deepseek, …" for messages

}  // namespace quandex
