// The four literal prompt texts of a qwen3.c checkpoint (NAME.bin.template and its variants): with and without a system
// prompt, with and without thinking. %s stands for the system prompt and the user's text; everything else, and all that
// is put in, is taken as it is.
//
// The texts say how one question is asked. The program that they come from has no memory: it starts every turn at
// position 0 with the newest question alone. For the texts of the Qwen3 models the format is known (ChatML), so earlier
// turns are put together as Qwen3's own template does, which drops their reasoning. For any other texts earlier turns
// are refused, since nothing says how a model's answer ends.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "format/metadata.h"
#include "text/chat/chat_input.h"

namespace quandex {

class LiteralTemplate {
 public:
  // Nothing where the metadata has none of the texts. Throws Error{invalid_file} for a text with another number of %s.
  static std::optional<LiteralTemplate> find(const Metadata& metadata);

  // Up to the answer, or without add_generation_prompt a conversation that ends with one. Thinking is on unless
  // enable_thinking is false. Throws Error{invalid_argument} for input that the texts cannot express and
  // Error{not_found} where the text for it is missing.
  std::string render(const ChatInput& input) const;

  std::vector<std::string> sources() const;  // those that there are

 private:
  const std::string& text(bool has_system, bool thinks) const;

  std::string source_;                               // of the metadata, for messages
  std::array<std::optional<std::string>, 4> texts_;  // as qwen3c_templates() orders them
  bool is_qwen3_ = false;
};

}  // namespace quandex
