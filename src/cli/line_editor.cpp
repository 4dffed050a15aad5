#include "cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

constexpr unsigned short kLeastColumns = 8;  // in fewer, libedit writes outside of its buffers for wide characters
// More than a line takes: libedit writes outside of its buffers where text is inserted into a line that has more rows
// than the window. What is above the window's top is then not drawn right, until Enter.
constexpr int kRows = 4000;
constexpr int kHistorySize = 1000;
constexpr int kPasteGapMs = 50;  // longer than a terminal waits between two pieces of a paste
constexpr std::wstring_view kPasteEnd = L"\033[201~";
constexpr wchar_t kCtrlC = 0x03, kCtrlZ = 0x1a, kCtrlBackslash = 0x1c;
constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGWINCH, SIGCONT};  // those that a wait for a key must notice

std::atomic<int> has_resized{0}, has_continued{0};
extern "C" void note_resize(int) { has_resized.store(1); }
extern "C" void note_continuation(int) { has_continued.store(1); }

std::wstring widened(std::string_view text) {
  std::wstring wide;
  while (!text.empty()) {
    const DecodedCodepoint c = decode_utf8(text);
    wide += static_cast<wchar_t>(c.value);
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return wide;
}

std::string narrowed(std::wstring_view wide) {
  std::string text;
  for (const wchar_t c : wide) append_utf8(static_cast<char32_t>(c), text);
  return text;
}

// libedit draws characters through the C library, which needs a locale of UTF-8 for them; numbers stay as they are.
void choose_utf8_locale() {
  for (const char* name : {"", "C.UTF-8", "en_US.UTF-8"})
    if (std::setlocale(LC_CTYPE, name) && std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return;
}

EditLine* start_libedit(std::FILE* output) {
  choose_utf8_locale();
  return el_init("quandex", stdin, output, stderr);
}

// Takes the terminal's own echo away, and gives it back.
class EchoOff {
 public:
  EchoOff() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) { apply(); }
  ~EchoOff() { restore(); }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

  void apply() const {
    termios settings = before_;
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
  }
  void restore() const {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }

 private:
  termios before_{};
  const bool is_terminal_;
};

}  // namespace

struct LineEditor::Editor {
  Editor(std::FILE* output, std::span<const std::string> completions);
  ~Editor();

  static Editor& of(EditLine* line);
  static const wchar_t* prompt_of(EditLine* line) { return of(line).prompt.c_str(); }
  static int next_key(EditLine* line, wchar_t* key) { return of(line).read_key(*key); }
  static unsigned char insert_paste(EditLine* line, wint_t key);
  static unsigned char read_paste(EditLine* line);
  static unsigned char insert_newline(EditLine* line, wint_t key);
  static unsigned char complete(EditLine* line, wint_t key);

  void bind_keys();
  void set_bracketed_paste(bool on);
  void resize();
  bool may_resize() const;
  void after_signal();
  void leave_to(int signal);
  int read_key(wchar_t& key);
  int read_byte(char& byte);
  bool is_text(wchar_t key) const;

  const EchoOff echo_off;  // libedit takes the terminal as it finds it for its state between lines
  const std::unique_ptr<EditLine, void (*)(EditLine*)> owned_line;
  const std::unique_ptr<HistoryW, void (*)(HistoryW*)> owned_history;
  EditLine* const line = owned_line.get();
  HistoryW* const history = owned_history.get();
  std::FILE* output;
  std::vector<std::wstring> completions;
  std::wstring prompt;
  bool is_interrupted = false, is_terminated = false;
  bool is_pasting = false;
  winsize window{};  // that libedit knows
  bool knows_escapes = false;
  std::array<struct sigaction, 2> previous{};  // of SIGWINCH and SIGCONT
};

LineEditor::Editor::Editor(std::FILE* stream, std::span<const std::string> words)
    : owned_line(start_libedit(stream), el_end), owned_history(history_winit(), history_wend), output(stream) {
  for (const std::string& word : words) completions.push_back(widened(word));
  if (!line || !history) throw Error(ErrorCode::io, "the line editor cannot be started on this terminal");
  HistEventW event;
  history_w(history, &event, H_SETSIZE, kHistorySize);
  history_w(history, &event, H_SETUNIQUE, 1);  // the same line twice in a row is one
  el_wset(line, EL_CLIENTDATA, this);
  el_wset(line, EL_PROMPT_ESC, prompt_of, L'\1');
  el_wset(line, EL_EDITOR, L"emacs");
  el_wset(line, EL_SIGNAL, 0);  // libedit would send what it catches to the whole process group
  el_wset(line, EL_HIST, history_w, history);
  el_wset(line, EL_GETCFN, next_key);
  // While a line is edited Ctrl-C is a key (as a signal it would have the terminal drop what was typed after it), and
  // CR and LF are two, since a paste may hold both. Between lines there is no echo.
  el_wset(line, EL_SETTY, L"-d", L"-isig", L"-icrnl", L"-inlcr", nullptr);
  el_wset(line, EL_SETTY, L"-x", L"-echo", nullptr);
  bind_keys();
  el_source(line, nullptr);
  const char* term = std::getenv("TERM");
  knows_escapes = term && *term && std::strcmp(term, "dumb") != 0;
  struct sigaction action{};
  action.sa_flags =
      SA_RESTART;  // an answer that is being written is not to fail; pselect() is interrupted all the same
  action.sa_handler = note_resize;
  sigaction(SIGWINCH, &action, &previous[0]);
  action.sa_handler = note_continuation;
  sigaction(SIGCONT, &action, &previous[1]);
  resize();
}

LineEditor::Editor::~Editor() {
  sigaction(SIGWINCH, &previous[0], nullptr);
  sigaction(SIGCONT, &previous[1], nullptr);
}

LineEditor::Editor& LineEditor::Editor::of(EditLine* line) {
  void* editor = nullptr;
  el_wget(line, EL_CLIENTDATA, &editor);
  return *static_cast<Editor*>(editor);
}

void LineEditor::Editor::bind_keys() {
  el_wset(line, EL_ADDFN, L"quandex-paste", L"Insert what is pasted", insert_paste);
  el_wset(line, EL_ADDFN, L"quandex-newline", L"Insert a newline", insert_newline);
  el_wset(line, EL_ADDFN, L"quandex-complete", L"Complete a command", complete);
  const auto bind = [&](const wchar_t* key, const wchar_t* function) {
    el_wset(line, EL_BIND, key, function, nullptr);
  };
  bind(L"\\e[200~", L"quandex-paste");
  bind(L"\\e^M", L"quandex-newline");  // Alt-Enter
  bind(L"\\e^J", L"quandex-newline");
  bind(L"^I", L"quandex-complete");
  bind(L"^R", L"em-inc-search-prev");
  for (const wchar_t* key : {L"\\ex", L"\\eX"}) bind(key, L"ed-unassigned");  // libedit's own commands: none is a crash
  bind(L"\\e[3~", L"ed-delete-next-char");
  for (const wchar_t* key : {L"\\e[1~", L"\\e[H", L"\\eOH"}) bind(key, L"ed-move-to-beg");
  for (const wchar_t* key : {L"\\e[4~", L"\\e[F", L"\\eOF"}) bind(key, L"ed-move-to-end");
  for (const wchar_t* key : {L"\\e[1;5C", L"\\e[1;3C"}) bind(key, L"em-next-word");
  for (const wchar_t* key : {L"\\e[1;5D", L"\\e[1;3D"}) bind(key, L"ed-prev-word");
}

// Everything up to the end of the paste at once. Control characters in it would be commands: they are left out.
unsigned char LineEditor::Editor::insert_paste(EditLine* line, wint_t) {
  of(line).is_pasting = true;
  const unsigned char refresh = read_paste(line);
  of(line).is_pasting = false;
  return refresh;
}

unsigned char LineEditor::Editor::read_paste(EditLine* line) {
  std::wstring text;
  wchar_t c = 0;
  while (!text.ends_with(kPasteEnd)) {
    if (el_wgetc(line, &c) != 1) return CC_EOF;
    if (of(line).is_interrupted) break;
    text += c;
  }
  if (text.ends_with(kPasteEnd)) text.resize(text.size() - kPasteEnd.size());
  std::wstring clean;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == L'\r') {
      if (i + 1 == text.size() || text[i + 1] != L'\n') clean += L'\n';  // terminals send CR for the end of a line
    } else if (text[i] == L'\n' || text[i] == L'\t' || (text[i] >= 0x20 && (text[i] < 0x7f || text[i] >= 0xa0))) {
      clean += text[i];
    }
  }
  el_winsertstr(line, clean.c_str());
  return CC_REFRESH;
}

unsigned char LineEditor::Editor::insert_newline(EditLine* line, wint_t) {
  el_winsertstr(line, L"\n");
  return CC_REFRESH;
}

// As far as all completions agree that begin like the line up to the cursor.
unsigned char LineEditor::Editor::complete(EditLine* line, wint_t) {
  const LineInfoW& info = *el_wline(line);
  const std::wstring_view typed(info.buffer, static_cast<size_t>(info.cursor - info.buffer));
  std::wstring_view common;
  bool found = false;
  for (const std::wstring& word : of(line).completions) {
    if (typed.empty() || !word.starts_with(typed)) continue;
    const std::wstring_view whole = word;
    const auto end = std::mismatch(common.begin(), common.end(), whole.begin(), whole.end()).first;
    common = found ? common.substr(0, static_cast<size_t>(end - common.begin())) : whole;
    found = true;
  }
  if (common.size() <= typed.size()) return CC_REFRESH_BEEP;
  el_winsertstr(line, std::wstring(common.substr(typed.size())).c_str());
  return CC_REFRESH;
}

void LineEditor::Editor::set_bracketed_paste(bool on) {
  if (!knows_escapes) return;
  std::fputs(on ? "\033[?2004h" : "\033[?2004l", output);
  std::fflush(output);
}

void LineEditor::Editor::resize() {
  has_resized.store(0);
  ioctl(fileno(output), TIOCGWINSZ, &window);
  el_resize(line);
  el_wset(line, EL_SETTC, L"li", std::to_wstring(kRows).c_str(), nullptr);
  if (window.ws_col == 0) window.ws_col = 80;  // unknown: what libedit takes then
  if (window.ws_col >= kLeastColumns) return;
  window.ws_col = kLeastColumns;
  el_wset(line, EL_SETTC, L"co", std::to_wstring(kLeastColumns).c_str(), nullptr);
}

// libedit keeps its cursor through a change of size, and where that lies outside of the new window it writes outside of
// its buffers. So a window gets smaller only where the line is one row of it; otherwise with the next line.
bool LineEditor::Editor::may_resize() const {
  winsize now{};
  if (ioctl(fileno(output), TIOCGWINSZ, &now) != 0) return false;
  if (now.ws_col >= window.ws_col && now.ws_row >= window.ws_row) return true;
  const LineInfoW& info = *el_wline(line);
  size_t n_columns = prompt.size();  // and what takes no room in it
  for (const wchar_t* c = info.buffer; c != info.lastchar; ++c) {
    const int width = wcwidth(*c);
    if (width < 0) return false;
    n_columns += static_cast<size_t>(width);
  }
  return n_columns < now.ws_col;
}

void LineEditor::Editor::after_signal() {
  if (take_ctrl_c()) is_interrupted = true;
  if (interruption() != 0) is_terminated = true;
  if (has_resized.load() != 0 && may_resize()) resize();
  if (has_continued.exchange(0) != 0) {  // a shell has had the terminal
    el_wset(line, EL_PREP_TERM, 1);
    set_bracketed_paste(true);
    el_wset(line, EL_REFRESH);
  }
}

// What a key does elsewhere: with the terminal as it was, for the shell. Returns when the shell brings the program
// back.
void LineEditor::Editor::leave_to(int signal) {
  set_bracketed_paste(false);
  el_wset(line, EL_PREP_TERM, 0);
  echo_off.restore();
  std::raise(signal);
  echo_off.apply();
  after_signal();
}

// As read(2) of one byte, except that it never misses a signal: they are blocked but while it waits.
int LineEditor::Editor::read_byte(char& byte) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (const int signal : kSignals) sigaddset(&blocked, signal);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  int n = -1;
  while (true) {
    after_signal();
    if (is_interrupted || is_terminated) break;
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(STDIN_FILENO, &readable);
    if (pselect(STDIN_FILENO + 1, &readable, nullptr, nullptr, nullptr, &before) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    n = static_cast<int>(::read(STDIN_FILENO, &byte, 1));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return n;
}

// What a paste holds is no key: behind a Ctrl-C in it the rest would be typed, line for line. With nothing behind it is
// the user's, who ends a paste that has lost its end.
bool LineEditor::Editor::is_text(wchar_t key) const {
  if (!is_pasting || key != kCtrlC) return is_pasting;
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, kPasteGapMs) > 0;
}

// The next character, decoded here so that no locale is needed for it. Once the user has given up, every key is Enter:
// that ends whatever libedit is in the middle of.
int LineEditor::Editor::read_key(wchar_t& key) {
  std::string bytes;
  while (true) {
    char byte = 0;
    const int n = is_interrupted ? -1 : read_byte(byte);
    if (is_interrupted && !is_terminated) {
      key = L'\n';
      return 1;
    }
    if (n != 1) return n;
    bytes += byte;
    if (incomplete_utf8_suffix(bytes) == 0) break;
  }
  key = static_cast<wchar_t>(decode_utf8(bytes).value);
  if (is_text(key)) return 1;
  if (key == kCtrlC) {
    is_interrupted = true;
    key = L'\n';
  } else if (key == kCtrlZ) {
    leave_to(SIGTSTP);
    return read_key(key);
  } else if (key == kCtrlBackslash) {
    leave_to(SIGQUIT);
  }
  return 1;
}

LineEditor::LineEditor(std::FILE* output, std::span<const std::string> completions)
    : editor_(std::make_unique<Editor>(output, completions)) {}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::read(std::string_view prompt) {
  Editor& editor = *editor_;
  editor.prompt = widened(prompt);
  editor.is_interrupted = editor.is_terminated = false;
  std::fflush(stdout);
  has_continued.store(0);  // between lines there was nothing to draw again
  if (has_resized.load() != 0) editor.resize();
  el_wset(editor.line, EL_PREP_TERM, 1);  // before anything says that input is waited for
  editor.set_bracketed_paste(true);
  int n = 0;
  const wchar_t* typed = el_wgets(editor.line, &n);
  editor.set_bracketed_paste(false);
  Line line;
  if (typed && n > 0) line.text = narrowed(std::wstring_view(typed, static_cast<size_t>(n)));
  if (line.text.ends_with('\n')) line.text.pop_back();
  if (editor.is_terminated) {
    line.ended = Ended::terminated;
  } else if (editor.is_interrupted) {
    line.ended = Ended::interrupted;
  } else if (!typed || n <= 0) {
    line.ended = Ended::end_of_input;
  }
  if (line.ended == Ended::terminated || line.ended == Ended::end_of_input) std::fputs("\n", editor.output);
  std::fflush(editor.output);
  return line;
}

void LineEditor::add_history(std::string_view text) {
  HistEventW event;
  history_w(editor_->history, &event, H_ENTER, widened(text).c_str());
}

}  // namespace quandex::cli
