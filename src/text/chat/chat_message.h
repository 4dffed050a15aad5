// What a model's answer consists of, and that answer as a message of the conversation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace quandex {

struct ToolCall {
  std::string id;         // nine letters and digits (Mistral's templates want exactly that), or the model's own
  std::string name;       // as the model wrote it, whether or not such a tool was offered
  std::string arguments;  // a JSON object, byte for byte as the model wrote it (put together for name.call(key=value))
  bool operator==(const ToolCall&) const = default;
};

// The raw text in order, each byte in exactly one part. Text is as the model wrote it, markers included, so all parts
// together are the model's text.
struct ChatPart {
  enum class Kind : uint8_t { reasoning, content, tool_call, markup };  // markup: tags and the white space beside them
  Kind kind = Kind::content;
  std::string text;
  bool operator==(const ChatPart&) const = default;
};

// What one piece of text, or the end of it, has added. Deltas concatenate to the ChatResult.
struct ChatDelta {
  std::string reasoning, content;
  std::vector<ToolCall> tool_calls;  // each complete
  std::vector<ChatPart> parts;       // the n-th part of kind tool_call is the text of tool_calls[n]
};

struct ChatResult {
  std::string reasoning, content;
  std::vector<ToolCall> tool_calls;

  void add(const ChatDelta& delta);
  bool operator==(const ChatResult&) const = default;
};

// The answer for the history: {"role": "assistant", "content": …} with "reasoning_content" and "tool_calls" where it
// has them. `content` is a string even where empty, because templates look into it. The template decides what becomes
// of past reasoning: Qwen's drop all of it before the last question of the user, others know no such name and leave it
// out.
Json assistant_message(const ChatResult& result);

}  // namespace quandex
