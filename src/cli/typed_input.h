// From lines typed to what they mean: a message of one or several lines, or a command.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace quandex::cli {

// Puts the lines of one input together. A line that ends in \ goes on in the next; a line that begins with """ opens a
// block that lasts to a line that ends in """. What holds newlines already (a paste, Alt-Enter, an entry of the
// history) stands as it is.
class InputAssembler {
 public:
  // The whole input once it is complete.
  std::optional<std::string> add(std::string_view line);
  bool is_empty() const { return state_ == State::start; }
  void clear();

 private:
  enum class State : uint8_t { start, continued, block };
  std::string take();

  State state_ = State::start;
  std::string text_;
};

enum class CommandId : uint8_t { help, system, clear, retry, save, load, set, think, tokens, stats, exit };

struct CommandInfo {
  CommandId id;
  std::string_view word;       // "/set"
  std::string_view arguments;  // "[NAME VALUE]", for the help
  std::string_view help;
};
std::span<const CommandInfo> chat_commands();

struct Command {
  CommandId id;
  std::string argument;  // what follows the word, without white space around it
};
struct Message {
  std::string text;
};
struct Nothing {};  // white space only
using TypedInput = std::variant<Nothing, Message, Command>;

// An input that begins with / is a command, with // a message that begins with /. Throws UsageError for a command that
// does not exist, naming the nearest, and for an argument where none is taken.
TypedInput parse_typed(std::string_view input);

std::string_view trimmed(std::string_view text);  // without white space of ASCII around it

}  // namespace quandex::cli
