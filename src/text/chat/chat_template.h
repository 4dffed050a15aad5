// From messages to prompt text, as transformers' apply_chat_template makes it.
//
// The template is the model's own, a .jinja file, one of ours by name (named_templates.h), or the four literal texts of
// a qwen3.c checkpoint. Where a model has none nothing is guessed: find() gives nothing, and the user must name one.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "format/metadata.h"
#include "text/chat/chat_format.h"
#include "text/tokenizer.h"

namespace quandex {

struct ChatInput;  // chat_input.h

// What a template does with its input, found by rendering probes.
struct TemplateAbilities {
  bool system = false;             // a system message reaches the prompt
  bool tools = false;              // offered tools reach the prompt
  bool tool_calls = false;         // so do calls of past messages
  bool past_reasoning = false;     // reasoning_content of a message that is in progress does
  bool content_parts = false;      // content may be [{"type": "text", "text": …}]; otherwise render() joins the parts
  bool arguments_as_text = false;  // takes a call's arguments only as JSON text; render() converts
  bool calls_without_content = false;  // sees calls only where content is null; else it gets ""
  bool generation_prompt = false;      // add_generation_prompt makes a difference
  std::string thinking_switch;     // the variable that turns thinking on and off: "enable_thinking", "thinking", or ""
  bool thinks_by_default = false;  // unset, the switch is as if true
};

class ChatTemplate {
 public:
  // The model's own. Of several named ones: `tool_use` where tools are offered, else the one without a name, as
  // transformers chooses. Nothing where the model has none. Throws Error where it has one that cannot be compiled.
  static std::optional<ChatTemplate> find(const Metadata& metadata, const Tokenizer& tokenizer);

  // What the user named: one of the model's own where it has several, one of named_templates(), else a file of Jinja.
  // Throws Error{not_found} that lists the names.
  static ChatTemplate named(std::string_view name_or_file, const Metadata& metadata, const Tokenizer& tokenizer);

  // Jinja source with these special tokens in the context ({"bos_token": "<s>", …}). `name` is for messages.
  static ChatTemplate from_source(std::string source, std::string name, const Json& special_tokens);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // The prompt's text. Throws Error{invalid_argument} for messages of another shape and for what the template refuses
  // (raise_exception), Error{invalid_file} or Error{unsupported} with line and column for what fails in the template.
  std::string render(const ChatInput& input) const;

  const std::string& name() const;                  // "tokenizer.chat_template of model.gguf", "chatml", "my.jinja"
  const std::vector<std::string>& sources() const;  // Jinja or literal texts, the default first
  const TemplateAbilities& abilities() const;       // probed when the template was made
  const ChatFormat& format() const;                 // likewise

 private:
  class Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The prompt's tokens. Special tokens are parsed in all of the text, as transformers does: those in what a user has
// written too. BOS is put in front where the tokenizer asks for one and the text does not begin with it already, so
// never two; EOS is not appended, since the text goes on.
std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, std::string_view prompt);

}  // namespace quandex
