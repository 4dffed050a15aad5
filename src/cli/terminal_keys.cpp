#include "cli/terminal_keys.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

constexpr int kPasteGapMs = 50;   // longer than a terminal waits between two pieces of a paste
constexpr int kEscapeGapMs = 50;  // longer than it waits between the bytes of a key
constexpr size_t kMaxSequence = 32;
constexpr std::u32string_view kPasteEnd = U"\033[201~";
constexpr char32_t kCtrlC = 0x03, kEscape = 0x1b, kCtrlZ = 0x1a, kCtrlBackslash = 0x1c;
constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGWINCH, SIGCONT};  // those that a wait for a key must notice

std::atomic<int> has_resized{0}, has_continued{0};
extern "C" void note_resize(int) { has_resized.store(1); }
extern "C" void note_continuation(int) { has_continued.store(1); }

// What a paste holds as text: its newlines are \n, and control characters, which are no keys, are left out.
std::u32string clean_paste(std::u32string_view text) {
  std::u32string clean;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == U'\r') {
      if (i + 1 == text.size() || text[i + 1] != U'\n') clean += U'\n';  // terminals send CR for the end of a line
    } else if (text[i] == U'\n' || text[i] == U'\t' || (text[i] >= 0x20 && (text[i] < 0x7f || text[i] >= 0xa0))) {
      clean += text[i];
    }
  }
  return clean;
}

Key::Kind sequence_kind(std::string_view parameters, char last) {
  const bool with_modifier = parameters.starts_with("1;");  // Ctrl or Alt
  switch (last) {
    case 'A':
      return Key::Kind::up;
    case 'B':
      return Key::Kind::down;
    case 'C':
      return with_modifier ? Key::Kind::word_right : Key::Kind::right;
    case 'D':
      return with_modifier ? Key::Kind::word_left : Key::Kind::left;
    case 'H':
      return Key::Kind::home;
    case 'F':
      return Key::Kind::end;
    case '~':
      if (parameters == "1" || parameters == "7") return Key::Kind::home;
      if (parameters == "4" || parameters == "8") return Key::Kind::end;
      if (parameters == "3") return Key::Kind::erase_right;
      if (parameters == "200") return Key::Kind::paste;
      return Key::Kind::unknown;
    default:
      return Key::Kind::unknown;
  }
}

}  // namespace

TerminalKeys::TerminalKeys(std::FILE* output) : output_(output) {
  is_terminal_ = tcgetattr(STDIN_FILENO, &before_) == 0;
  const char* term = std::getenv("TERM");
  knows_escapes_ = term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
  struct sigaction action{};
  action.sa_flags =
      SA_RESTART;  // an answer that is being written is not to fail; pselect() is interrupted all the same
  action.sa_handler = note_resize;
  sigaction(SIGWINCH, &action, &previous_[0]);
  action.sa_handler = note_continuation;
  sigaction(SIGCONT, &action, &previous_[1]);
  set_mode(ECHO, 0);
}

TerminalKeys::~TerminalKeys() {
  set_mode(0, 0);
  sigaction(SIGWINCH, &previous_[0], nullptr);
  sigaction(SIGCONT, &previous_[1], nullptr);
}

// The terminal's mode at the start without some flags.
void TerminalKeys::set_mode(tcflag_t local_off, tcflag_t input_off) const {
  if (!is_terminal_) return;
  termios mode = before_;
  mode.c_lflag &= ~local_off;
  mode.c_iflag &= ~input_off;
  if ((local_off & ICANON) != 0) {
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
  }
  tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

void TerminalKeys::set_bracketed_paste(bool on) const {
  std::fputs(on ? "\033[?2004h" : "\033[?2004l", output_);
  std::fflush(output_);
}

// Ctrl-C is a key while a line is edited: as a signal it would have the terminal drop what was typed after it. CR and
// LF are two, since a paste may hold both.
void TerminalKeys::begin_line() {
  has_continued.store(0);  // between lines there was nothing to draw again
  set_mode(ECHO | ICANON | ISIG | IEXTEN, ICRNL | INLCR | IGNCR | IXON);
  set_bracketed_paste(true);
}

void TerminalKeys::end_line() {
  set_bracketed_paste(false);
  set_mode(ECHO, 0);
}

WindowSize TerminalKeys::window() const {
  winsize size{};
  const bool is_known = ioctl(fileno(output_), TIOCGWINSZ, &size) == 0;
  return {is_known && size.ws_col > 0 ? size.ws_col : 80, is_known && size.ws_row > 0 ? size.ws_row : 24};
}

// As read(2) of one byte, except that it never misses a signal: they are blocked but while it waits.
TerminalKeys::Byte TerminalKeys::read_byte(char& byte) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (const int signal : kSignals) sigaddset(&blocked, signal);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  Byte outcome = Byte::end_of_input;
  while (true) {
    if (take_ctrl_c()) {
      outcome = Byte::interrupt;
      break;
    }
    if (interruption() != 0) {
      outcome = Byte::terminate;
      break;
    }
    if (has_continued.exchange(0) != 0 || has_resized.exchange(0) != 0) {
      outcome = Byte::redraw;
      break;
    }
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(STDIN_FILENO, &readable);
    if (pselect(STDIN_FILENO + 1, &readable, nullptr, nullptr, nullptr, &before) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n == 1) outcome = Byte::read;
    break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return outcome;
}

bool TerminalKeys::has_more(int timeout_ms) const {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, timeout_ms) > 0;
}

// A window that changes in the middle of a character, a key or a paste is noticed behind it.
TerminalKeys::Byte TerminalKeys::read_character(char32_t& c) {
  std::string bytes;
  while (bytes.empty() || incomplete_utf8_suffix(bytes) != 0) {
    char byte = 0;
    const Byte outcome = read_byte(byte);
    if (outcome == Byte::redraw && (!bytes.empty() || is_pasting_)) {
      has_resized.store(1);
      if (!has_more(kPasteGapMs)) continue;
      const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
      if (n != 1) continue;
    } else if (outcome != Byte::read) {
      return outcome;
    }
    bytes += byte;
  }
  c = decode_utf8(bytes).value;
  return Byte::read;
}

Key TerminalKeys::key_of(Byte outcome) const {
  switch (outcome) {
    case Byte::interrupt:
      return {Key::Kind::interrupt};
    case Byte::terminate:
      return {Key::Kind::terminate};
    case Byte::redraw:
      return {Key::Kind::redraw};
    default:
      return {Key::Kind::end_of_input};
  }
}

Key TerminalKeys::next() {
  char32_t c = 0;
  const Byte outcome = read_character(c);
  if (outcome == Byte::redraw) {  // a shell may have set its own
    set_mode(ECHO | ICANON | ISIG | IEXTEN, ICRNL | INLCR | IGNCR | IXON);
    set_bracketed_paste(true);
  }
  if (outcome != Byte::read) return key_of(outcome);
  if (c == kCtrlC) return {Key::Kind::interrupt};
  if (c == kCtrlZ || c == kCtrlBackslash) {
    leave_to(c == kCtrlZ ? SIGTSTP : SIGQUIT);
    return {Key::Kind::redraw};
  }
  if (c == kEscape) return read_escape();
  return {Key::Kind::character, c};
}

Key TerminalKeys::read_escape() {
  if (!has_more(kEscapeGapMs)) return {Key::Kind::unknown};
  char32_t c = 0;
  const Byte outcome = read_character(c);
  if (outcome != Byte::read) return key_of(outcome);
  if (c == U'[' || c == U'O') return read_sequence();
  return {Key::Kind::alt, c};
}

// Behind ESC [ or ESC O: parameters, then a character that ends the sequence.
Key TerminalKeys::read_sequence() {
  std::string parameters;
  while (parameters.size() < kMaxSequence) {
    if (!has_more(kEscapeGapMs)) return {Key::Kind::unknown};
    char32_t c = 0;
    const Byte outcome = read_character(c);
    if (outcome != Byte::read) return key_of(outcome);
    if (c >= 0x40 && c <= 0x7e) {
      const Key::Kind kind = sequence_kind(parameters, static_cast<char>(c));
      return kind == Key::Kind::paste ? read_paste() : Key{kind};
    }
    if (c < 0x20 || c > 0x3f) return {Key::Kind::unknown};
    parameters += static_cast<char>(c);
  }
  return {Key::Kind::unknown};
}

// Everything up to the end of the paste. What it holds is no key: behind a Ctrl-C in it the rest would be typed, line
// for line. With nothing behind it a Ctrl-C is the user's, who ends a paste that has lost its end.
Key TerminalKeys::read_paste() {
  std::u32string text;
  is_pasting_ = true;
  Byte outcome = Byte::read;
  while (!text.ends_with(kPasteEnd)) {
    char32_t c = 0;
    outcome = read_character(c);
    if (outcome != Byte::read) break;
    if (c == kCtrlC && !has_more(kPasteGapMs)) {
      outcome = Byte::interrupt;
      break;
    }
    text += c;
  }
  is_pasting_ = false;
  if (outcome != Byte::read) {
    Key key = key_of(outcome);
    key.text = clean_paste(text);
    return key;
  }
  text.resize(text.size() - kPasteEnd.size());
  return {Key::Kind::paste, 0, clean_paste(text)};
}

// What a key does elsewhere: with the terminal as it was, for the shell. Returns when the shell brings the program
// back.
void TerminalKeys::leave_to(int signal) {
  set_bracketed_paste(false);
  set_mode(0, 0);
  std::raise(signal);
  begin_line();
}

bool TerminalKeys::read_plain_line(std::string& line, Key& ended) {
  set_mode(0, 0);
  while (true) {
    char byte = 0;
    const Byte outcome = read_byte(byte);
    if (outcome == Byte::redraw) continue;
    if (outcome == Byte::read && byte != '\n') {
      line += byte;
      continue;
    }
    set_mode(ECHO, 0);
    line = to_valid_utf8(line);
    if (outcome == Byte::read) return true;
    ended = key_of(outcome);
    return false;
  }
}

}  // namespace quandex::cli
