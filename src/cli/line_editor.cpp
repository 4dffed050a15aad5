#include "cli/line_editor.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "cli/edit_buffer.h"
#include "cli/line_view.h"
#include "cli/terminal_keys.h"

namespace quandex::cli {
namespace {

constexpr size_t kHistorySize = 1000;
constexpr std::string_view kBeep = "\a";

constexpr char32_t ctrl(char letter) { return static_cast<char32_t>(letter) & 0x1f; }

std::u32string widened(std::string_view text) {
  std::u32string wide;
  while (!text.empty()) {
    const DecodedCodepoint c = decode_utf8(text);
    wide += c.value;
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return wide;
}

std::string narrowed(std::u32string_view wide) {
  std::string text;
  for (const char32_t c : wide) append_utf8(c, text);
  return text;
}

}  // namespace

struct LineEditor::Editor {
  Editor(std::FILE* stream, std::span<const std::string> words) : output(stream), keys(stream) {
    for (const std::string& word : words) completions.push_back(widened(word));
  }

  Line read(std::string_view shown_prompt);
  Line read_plain(std::string_view shown_prompt);
  // Nothing: the line goes on.
  std::optional<Ended> take(const Key& key);
  std::optional<Ended> take_character(char32_t c);
  void take_alt(char32_t c);
  void go_in_history(int step);
  Key search_history();
  void complete();
  void draw(std::string_view prompt_now);
  void write(std::string_view bytes) const {
    std::fwrite(bytes.data(), 1, bytes.size(), output);
    std::fflush(output);
  }

  std::FILE* output;
  TerminalKeys keys;
  std::vector<std::u32string> completions, history;
  std::string prompt;
  EditBuffer buffer;
  LineView view;
  size_t place = 0;      // in the history; its size: the line being typed
  std::u32string draft;  // that line, while another is shown
};

void LineEditor::Editor::draw(std::string_view prompt_now) {
  write(view.draw(prompt_now, buffer.text(), buffer.cursor(), keys.window()));
}

LineEditor::Line LineEditor::Editor::read(std::string_view shown_prompt) {
  prompt = shown_prompt;
  buffer.set({});
  place = history.size();
  draft.clear();
  view.forget();
  keys.begin_line();
  std::optional<Ended> ended;
  while (true) {
    draw(prompt);
    Key key = keys.next();
    if (key.kind == Key::Kind::character && key.code == ctrl('R')) key = search_history();
    if (key.kind == Key::Kind::redraw) view.resize(keys.window());
    ended = take(key);
    if (ended) break;
  }
  buffer.set(buffer.text());
  draw(prompt);
  write(view.leave());
  keys.end_line();
  return {*ended, narrowed(buffer.text())};
}

std::optional<LineEditor::Ended> LineEditor::Editor::take(const Key& key) {
  switch (key.kind) {
    case Key::Kind::character:
      return take_character(key.code);
    case Key::Kind::alt:
      take_alt(key.code);
      break;
    case Key::Kind::left:
      buffer.move_left();
      break;
    case Key::Kind::right:
      buffer.move_right();
      break;
    case Key::Kind::word_left:
      buffer.move_word_left();
      break;
    case Key::Kind::word_right:
      buffer.move_word_right();
      break;
    case Key::Kind::home:
      buffer.move_home();
      break;
    case Key::Kind::end:
      buffer.move_end();
      break;
    case Key::Kind::up:
      go_in_history(-1);
      break;
    case Key::Kind::down:
      go_in_history(1);
      break;
    case Key::Kind::erase_right:
      buffer.erase_right();
      break;
    case Key::Kind::paste:
      buffer.insert(key.text);
      break;
    case Key::Kind::unknown:
    case Key::Kind::redraw:
      break;
    case Key::Kind::interrupt:
      buffer.insert(key.text);
      return Ended::interrupted;
    case Key::Kind::terminate:
      return Ended::terminated;
    case Key::Kind::end_of_input:
      return Ended::end_of_input;
  }
  return std::nullopt;
}

std::optional<LineEditor::Ended> LineEditor::Editor::take_character(char32_t c) {
  switch (c) {
    case U'\r':
    case U'\n':
      return Ended::entered;
    case ctrl('D'):
      if (buffer.text().empty()) return Ended::end_of_input;
      buffer.erase_right();
      break;
    case ctrl('A'):
      buffer.move_home();
      break;
    case ctrl('B'):
      buffer.move_left();
      break;
    case ctrl('E'):
      buffer.move_end();
      break;
    case ctrl('F'):
      buffer.move_right();
      break;
    case ctrl('H'):
    case 0x7f:
      buffer.erase_left();
      break;
    case ctrl('I'):
      complete();
      break;
    case ctrl('K'):
      buffer.cut_to_end();
      break;
    case ctrl('L'):
      write("\033[H\033[2J");
      view.forget();
      break;
    case ctrl('N'):
      go_in_history(1);
      break;
    case ctrl('P'):
      go_in_history(-1);
      break;
    case ctrl('T'):
      buffer.swap_characters();
      break;
    case ctrl('U'):
      buffer.cut_to_home();
      break;
    case ctrl('W'):
      buffer.cut_word_left();
      break;
    case ctrl('Y'):
      buffer.insert_cut();
      break;
    default:
      if (c >= 0x20 && (c < 0x7f || c >= 0xa0)) buffer.insert({&c, 1});
  }
  return std::nullopt;
}

void LineEditor::Editor::take_alt(char32_t c) {
  switch (c) {
    case U'\r':
    case U'\n':
      buffer.insert(U"\n");
      break;
    case U'b':
      buffer.move_word_left();
      break;
    case U'd':
      buffer.cut_word_right();
      break;
    case U'f':
      buffer.move_word_right();
      break;
    case 0x7f:
    case ctrl('H'):
      buffer.cut_word_left();
      break;
    default:
      break;
  }
}

void LineEditor::Editor::go_in_history(int step) {
  if (step < 0 ? place == 0 : place == history.size()) return write(kBeep);
  if (place == history.size()) draft = buffer.text();
  place = step < 0 ? place - 1 : place + 1;
  buffer.set(place == history.size() ? draft : history[place]);
}

// Shows the latest line that holds what is typed; Ctrl-R goes on to an older one. Returns the key that ended it, which
// is still to be taken; Ctrl-G brings back what was there before.
Key LineEditor::Editor::search_history() {
  const std::u32string before = buffer.text();
  std::u32string wanted;
  size_t at = history.size();
  while (true) {
    draw("(search \"" + narrowed(wanted) + "\") ");
    Key key = keys.next();
    const bool is_next = key.kind == Key::Kind::character && key.code == ctrl('R');
    if (key.kind == Key::Kind::redraw) {
      view.resize(keys.window());
      continue;
    }
    if (key.kind == Key::Kind::character && key.code == ctrl('G')) {
      buffer.set(before);
      return {Key::Kind::unknown};
    }
    if (key.kind == Key::Kind::character && (key.code == 0x7f || key.code == ctrl('H'))) {
      if (!wanted.empty()) wanted.pop_back();
      at = history.size();
    } else if (key.kind == Key::Kind::character && key.code >= 0x20) {
      wanted += key.code;
      at = std::min(at + 1, history.size());
    } else if (!is_next) {
      return key;
    }
    size_t found = at;
    while (found > 0 && history[found - 1].find(wanted) == std::u32string::npos) --found;
    if (found == 0) {
      write(kBeep);
      continue;
    }
    at = place = found - 1;
    buffer.set(history[at]);
  }
}

// As far as all completions agree that begin like the line up to the cursor.
void LineEditor::Editor::complete() {
  const std::u32string_view typed = std::u32string_view(buffer.text()).substr(0, buffer.cursor());
  std::u32string_view common;
  bool found = false;
  for (const std::u32string& word : completions) {
    if (typed.empty() || !word.starts_with(typed)) continue;
    const std::u32string_view whole = word;
    const auto end = std::mismatch(common.begin(), common.end(), whole.begin(), whole.end()).first;
    common = found ? common.substr(0, static_cast<size_t>(end - common.begin())) : whole;
    found = true;
  }
  if (common.size() <= typed.size()) return write(kBeep);
  buffer.insert(std::u32string(common.substr(typed.size())));
}

LineEditor::Line LineEditor::Editor::read_plain(std::string_view shown_prompt) {
  write(shown_prompt);
  Line line;
  Key ended;
  if (keys.read_plain_line(line.text, ended)) return line;
  line.ended = take(ended).value_or(Ended::end_of_input);
  write("\n");
  return line;
}

LineEditor::LineEditor(std::FILE* output, std::span<const std::string> completions)
    : editor_(std::make_unique<Editor>(output, completions)) {}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::read(std::string_view prompt) {
  std::fflush(stdout);
  return editor_->keys.knows_escapes() ? editor_->read(prompt) : editor_->read_plain(prompt);
}

void LineEditor::add_history(std::string_view text) {
  std::vector<std::u32string>& history = editor_->history;
  std::u32string line = widened(text);
  if (!history.empty() && history.back() == line) return;
  if (history.size() == kHistorySize) history.erase(history.begin());
  history.push_back(std::move(line));
}

}  // namespace quandex::cli
