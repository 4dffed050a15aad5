// How a line that is being edited stands on a terminal: a prompt and a text of any length, wrapped at the window's
// width. Makes the bytes that bring the terminal from what was drawn last to what is wanted; of more rows than the
// window has it shows those around the cursor. Pure text: no terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::cli {

struct WindowSize {
  int columns = 80, rows = 24;  // 1 or more
  bool operator==(const WindowSize&) const = default;
};

class LineView {
 public:
  // `prompt` is UTF-8 and may hold escape sequences of style. `text` may have newlines and tabs; other control
  // characters are shown as '?'. `cursor`: in front of this character.
  std::string draw(std::string_view prompt, std::u32string_view text, size_t cursor, WindowSize window);
  // To the beginning of the row behind the text.
  std::string leave() const;
  // What was drawn is there no more, and the cursor is at the beginning of an empty row.
  void forget() { *this = {}; }
  // The window has changed since the last drawing, and the terminal has wrapped that anew.
  void resize(WindowSize window);

 private:
  struct Row {
    size_t begin = 0, end = 0;  // characters of the text
  };
  struct Layout {
    std::vector<Row> rows;
    size_t cursor_row = 0;
    int cursor_column = 0, last_column = 0;
  };
  static Layout lay_out(int prompt_width, std::u32string_view text, size_t cursor, int columns);
  std::string row_bytes(const Layout& layout, size_t row, std::string_view prompt, std::u32string_view text,
                        int columns) const;

  std::string prompt_;  // as drawn, like the text and the cursor
  std::u32string text_;
  size_t cursor_ = 0;
  int prompt_width_ = 0;
  bool is_drawn_ = false;
  WindowSize window_;
  size_t top_ = 0;  // the first row that is shown
  size_t n_rows_shown_ = 1;
  size_t cursor_row_shown_ = 0;  // among those
  size_t n_rows_ = 1;
};

// Columns of a text that may hold escape sequences of style.
int styled_width(std::string_view text);

}  // namespace quandex::cli
