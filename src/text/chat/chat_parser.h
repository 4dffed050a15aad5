// Splits generated text into reasoning, answer and tool calls while it comes. Tags and markers may be cut anywhere; the
// result depends on the text alone, never on the pieces. Nothing is lost: what looked like a tool call and is none
// (malformed or cut JSON) comes back as content, markers included.
//
// Reasoning stands at the beginning: white space may precede it, and a second block may follow the first. Text that has
// the tags further down is content. A tag that the prompt has opened may be written again. Reasoning that is not closed
// at the end is reasoning. The newlines directly inside and behind the tags are markup: Qwen's documentation strips
// them from both halves, and Qwen's templates put them back.
//
// White space before, between and behind tool calls is markup; all other text beside them is content. Inside reasoning
// there are no tool calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "text/chat/chat_format.h"
#include "text/chat/chat_message.h"

namespace quandex {

struct ChatParserOptions {
  PromptEnd prompt_end = PromptEnd::plain;
  bool has_tools = false;  // tools were offered: without any, text that looks like a call is content
  uint64_t id_seed = 0;    // ids of calls follow from it; give each message of a conversation another one
};

class ChatParser {
 public:
  explicit ChatParser(const ChatFormat& format, const ChatParserOptions& options = {});
  ChatParser(ChatParser&&) noexcept;
  ChatParser& operator=(ChatParser&&) noexcept;
  ~ChatParser();

  ChatDelta push(std::string_view text);
  // The rest. The parser has ended: it takes no more text.
  ChatDelta finish();

  // The model is in its reasoning now.
  bool is_reasoning() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// All of a text at once.
ChatResult parse_chat(const ChatFormat& format, const ChatParserOptions& options, std::string_view text);

}  // namespace quandex
