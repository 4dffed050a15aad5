// An answer on a stream as it comes.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "text/chat/chat_message.h"

namespace quandex::cli {

// Text fit for a terminal: control characters but newlines and tabs as \xNN, since a model must not command it.
std::string terminal_safe(std::string_view text);

class AnswerView {
 public:
  // On a terminal with the reasoning, dimmed (or between marks where there is no colour); otherwise the answer alone,
  // byte for byte.
  explicit AnswerView(std::FILE* stream);
  AnswerView(std::FILE* stream, bool is_terminal, bool has_colour);

  // False once the reader has gone.
  bool show(const ChatDelta& delta);
  // Ends the line where the answer has not.
  bool finish();

 private:
  enum class At : uint8_t { start, reasoning, content, call };
  void enter(At next);
  void put(std::string_view text, bool is_dimmed);

  std::FILE* stream_;
  bool is_terminal_, has_colour_;
  At at_ = At::start;
  std::string ready_;  // to be written
  char last_ = '\n';
};

}  // namespace quandex::cli
