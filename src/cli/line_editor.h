// A line of input from a terminal, edited with the keys people know from shells, with a history and its search, with
// the newlines of a paste kept, and with completion. One thread, one object at a time.
//
// While it lives the terminal echoes nothing by itself: what is typed between two lines is not mixed into what the
// program says, and is there for the next one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace quandex::cli {

class LineEditor {
 public:
  enum class Ended : uint8_t {
    entered,
    interrupted,   // by Ctrl-C; the text is what had been typed
    end_of_input,  // Ctrl-D on an empty line, or the terminal is gone
    terminated,    // by a signal that asks the program to end, see interruption()
  };
  struct Line {
    Ended ended = Ended::entered;
    std::string text;  // valid UTF-8; pasted lines and those of Alt-Enter are separated by \n
  };

  // Edits on `output`, which must be a terminal as standard input must. Tab completes a beginning of one of
  // `completions` at the start of the line. A terminal without escape sequences (TERM=dumb) edits by itself.
  LineEditor(std::FILE* output, std::span<const std::string> completions);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  Line read(std::string_view prompt);       // the prompt may hold escape sequences of style
  void add_history(std::string_view text);  // what the arrow keys bring back, the latest first

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

}  // namespace quandex::cli
