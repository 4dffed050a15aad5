// The chat on a terminal: lines in, answers out, commands in between. What belongs to the chat itself goes to standard
// output; prompts, notes and errors go to standard error.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/chat_model.h"
#include "cli/chat_settings.h"
#include "cli/conversation.h"
#include "cli/input_history.h"
#include "cli/line_editor.h"
#include "cli/typed_input.h"

namespace quandex::cli {

struct TerminalChatOptions {
  bool keeps_history = true;                       // of input, in a file
  std::optional<std::filesystem::path> file = {};  // the conversation came from
};

class TerminalChat {
 public:
  TerminalChat(ChatModel& model, ChatSettings settings, Conversation conversation, TerminalChatOptions options);

  // Until the user leaves. Returns the exit status.
  int run();

 private:
  enum class Goes : uint8_t { on, away };

  Goes take_line(const LineEditor::Line& line);
  Goes take_input(std::string_view input);
  Goes obey(const Command& command);

  void say(std::string text);  // a message of the user
  void retry();
  void answer(Conversation next, std::string_view undone);
  Answer shown_answer(const Prompt& prompt);
  bool fit(Conversation& next, Prompt& prompt) const;
  void print_end(const Answer& answer) const;

  void set_system(std::string_view text);
  void clear();
  void save(const std::string& typed);
  void load(const std::string& typed);
  void set(std::string_view argument);
  void think(std::string_view argument);
  void print_tokens(std::string_view text) const;
  void print_stats() const;

  ChatModel& model_;
  ChatSettings settings_;
  Conversation conversation_;
  std::optional<std::filesystem::path> file_;  // last saved to or loaded from: may be overwritten
  InputHistory history_;
  LineEditor editor_;
  InputAssembler assembler_;
  std::optional<Answer> last_answer_;
  bool was_interrupted_ = false;  // the last line was, with nothing typed
  bool reader_left_ = false;      // of standard output
};

}  // namespace quandex::cli
