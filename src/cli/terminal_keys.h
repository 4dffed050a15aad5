// Standard input of a terminal, key by key, with the signals that may come while it waits; and the modes of the
// terminal that this needs. One thread, one object at a time.
#pragma once

#include <signal.h>
#include <termios.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

#include "cli/line_view.h"

namespace quandex::cli {

struct Key {
  enum class Kind : uint8_t {
    character,  // `code`: a character, or a control character other than those below
    alt,        // `code` with Alt
    left,
    right,
    word_left,
    word_right,
    home,
    end,
    up,
    down,
    erase_right,
    paste,  // `text`; what came of one that did not end is with the key that ended it
    unknown,
    interrupt,  // Ctrl-C
    redraw,     // the window has changed, or a shell has had the terminal
    terminate,  // a signal that asks the program to end, see interruption()
    end_of_input
  };
  Kind kind = Kind::character;
  char32_t code = 0;
  std::u32string text = {};
};

class TerminalKeys {
 public:
  // Takes the terminal's echo away; gives it back at the end.
  explicit TerminalKeys(std::FILE* output);
  ~TerminalKeys();
  TerminalKeys(const TerminalKeys&) = delete;
  TerminalKeys& operator=(const TerminalKeys&) = delete;

  bool knows_escapes() const { return knows_escapes_; }

  // While a line is edited every key comes as it is typed, and pastes are marked.
  void begin_line();
  void end_line();

  // Waits for a key.
  Key next();
  // A line that the terminal edits and echoes by itself: false where it ended otherwise than by Enter, `ended` says
  // how.
  bool read_plain_line(std::string& line, Key& ended);

  WindowSize window() const;

 private:
  enum class Byte : uint8_t { read, end_of_input, interrupt, terminate, redraw };
  Byte read_byte(char& byte);
  Byte read_character(char32_t& c);
  bool has_more(int timeout_ms) const;
  Key key_of(Byte outcome) const;
  Key read_escape();
  Key read_sequence();
  Key read_paste();
  void leave_to(int signal);
  void set_mode(tcflag_t local_off, tcflag_t input_off) const;
  void set_bracketed_paste(bool on) const;

  std::FILE* output_;
  termios before_{};
  bool is_terminal_ = false, knows_escapes_ = false, is_pasting_ = false;
  std::array<struct sigaction, 2> previous_{};  // of SIGWINCH and SIGCONT
};

}  // namespace quandex::cli
