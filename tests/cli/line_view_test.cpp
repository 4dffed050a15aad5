#include "cli/line_view.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/utf8.h"
#include "cli/edit_buffer.h"

namespace quandex::cli {
namespace {

// What a terminal makes of the bytes: enough of one for a line editor. A character in the last column leaves the cursor
// there until the next one, which goes to a new row.
class Screen {
 public:
  Screen(int columns, int rows) : columns_(columns), rows_(static_cast<size_t>(rows)), cells_(1) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.starts_with("\033[")) {
        bytes.remove_prefix(2);
        int n = 0;
        for (; bytes[0] >= '0' && bytes[0] <= '9'; bytes.remove_prefix(1)) n = n * 10 + bytes[0] - '0';
        escape(bytes[0], n == 0 ? 1 : n);
        bytes.remove_prefix(1);
        continue;
      }
      const DecodedCodepoint c = decode_utf8(bytes);
      bytes.remove_prefix(static_cast<size_t>(c.n_bytes));
      put(c.value);
    }
  }

  // The last rows that the window shows, without blanks at their ends.
  std::vector<std::u32string> shown() const {
    std::vector<std::u32string> lines;
    for (size_t i = cells_.size() - std::min(cells_.size(), rows_); i < cells_.size(); ++i) {
      std::u32string line;
      for (const char32_t c : cells_[i])
        if (c != 0) line += c;
      line.erase(line.find_last_not_of(U' ') + 1);
      lines.push_back(line);
    }
    return lines;
  }
  size_t row() const { return row_ - (cells_.size() - std::min(cells_.size(), rows_)); }
  int column() const { return column_; }
  bool has_left_the_window = false;

 private:
  void put(char32_t c) {
    if (c == U'\r') {
      column_ = 0;
    } else if (c == U'\n') {
      if (++row_ == cells_.size()) cells_.emplace_back();
    } else {
      const int width = character_width(c);
      if (width == 0) return;
      if (column_ + width > columns_) put(U'\r'), put(U'\n');
      auto& line = cells_[row_];
      line.resize(static_cast<size_t>(columns_), U' ');
      line[static_cast<size_t>(column_)] = c;
      if (width == 2) line[static_cast<size_t>(column_) + 1] = 0;
      column_ += width;
    }
  }
  void escape(char kind, int n) {
    if (kind == 'A') {
      has_left_the_window = has_left_the_window || static_cast<size_t>(n) > row();
      row_ -= std::min(row_, static_cast<size_t>(n));
    } else if (kind == 'C') {
      column_ = std::min(column_ + n, columns_ - 1);
    } else {
      ASSERT_EQ(kind, 'J');
      cells_.resize(row_ + 1);
      cells_[row_].resize(static_cast<size_t>(column_), U' ');
    }
  }

  int columns_, column_ = 0;
  size_t rows_, row_ = 0;
  std::vector<std::u32string> cells_;
};

TEST(LineView, a_line_is_wrapped_and_the_cursor_stands_where_the_text_goes_on) {
  Screen screen(10, 5);
  LineView view;
  screen.write(view.draw("> ", U"0123456789", 10, {10, 5}));
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"> 01234567", U"89"}));
  EXPECT_EQ(screen.column(), 2);
  screen.write(view.draw("> ", U"01234567", 8, {10, 5}));  // full to the end: the cursor is on the next row
  EXPECT_EQ(screen.row(), 1u);
  EXPECT_EQ(screen.column(), 0);
  screen.write(view.draw("> ", U"0123456漢", 3, {10, 5}));  // a wide character finds no room
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"> 0123456", U"漢"}));
  EXPECT_EQ(screen.row(), 0u);
  EXPECT_EQ(screen.column(), 5);
  screen.write(view.leave() + "out");
  EXPECT_EQ(screen.shown().back(), U"out");
}

TEST(LineView, newlines_tabs_and_control_characters_have_their_places) {
  Screen screen(20, 5);
  LineView view;
  screen.write(view.draw("\033[J> ", U"a\n\tb\x01", 5, {20, 5}));
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"> a", U"        b?"}));
  EXPECT_EQ(screen.column(), 10);
}

TEST(LineView, typing_at_the_end_of_a_row_writes_what_is_typed_and_no_more) {
  LineView view;
  view.draw("> ", U"ab", 2, {80, 24});
  EXPECT_EQ(view.draw("> ", U"abc", 3, {80, 24}), "c");
}

TEST(LineView, another_prompt_is_drawn_though_the_text_is_the_same) {
  Screen screen(20, 5);
  LineView view;
  screen.write(view.draw("> ", U"ab", 2, {20, 5}));
  screen.write(view.draw("(a) ", U"ab", 2, {20, 5}));
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"(a) ab"}));
  EXPECT_EQ(screen.column(), 6);
}

TEST(LineView, of_more_rows_than_the_window_those_around_the_cursor_are_shown) {
  const std::u32string text = U"aaaabbbbccccdddd";
  Screen screen(4, 2);
  LineView view;
  screen.write(view.draw("", text, 15, {4, 2}));
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"cccc", U"dddd"}));
  screen.write(view.draw("", text, 5, {4, 2}));
  EXPECT_EQ(screen.shown(), (std::vector<std::u32string>{U"bbbb", U"cccc"}));
  EXPECT_EQ(screen.row(), 0u);
  EXPECT_EQ(screen.column(), 1);
}

// Whatever was drawn before, the screen is the one that a fresh drawing gives.
TEST(LineView, any_edit_gives_the_screen_of_a_fresh_drawing) {
  std::mt19937 random(4);
  constexpr std::u32string_view kCharacters = U"ab 漢\n\u0301\t🙂";
  for (int trace = 0; trace < 400; ++trace) {
    const WindowSize window{1 + int(random() % 12), 1 + int(random() % 5)};
    Screen screen(window.columns, window.rows);
    LineView view;
    EditBuffer buffer;
    for (int i = 0; i < 60; ++i) {
      switch (random() % 8) {
        case 0:
          buffer.move_left();
          break;
        case 1:
          buffer.move_home();
          break;
        case 2:
          buffer.move_end();
          break;
        case 3:
          buffer.erase_left();
          break;
        default:
          buffer.insert(kCharacters.substr(random() % kCharacters.size(), 1));
      }
      screen.write(view.draw("> ", buffer.text(), buffer.cursor(), window));
      ASSERT_FALSE(screen.has_left_the_window);
      ASSERT_LT(screen.row(), static_cast<size_t>(window.rows));
    }
    // The rows around the cursor may be others of the text, so both are brought to its end.
    buffer.set(buffer.text());
    screen.write(view.draw("> ", buffer.text(), buffer.cursor(), window));
    Screen fresh(window.columns, window.rows);
    fresh.write(LineView().draw("> ", buffer.text(), buffer.cursor(), window));
    ASSERT_EQ(screen.shown(), fresh.shown());
    ASSERT_EQ(screen.row(), fresh.row());
    ASSERT_EQ(screen.column(), fresh.column());
  }
}

TEST(LineView, styles_take_no_columns) {
  EXPECT_EQ(styled_width("\033[1m> \033[0m"), 2);
  EXPECT_EQ(styled_width("\033[1"), 0);
  EXPECT_EQ(styled_width("漢"), 2);
}

}  // namespace
}  // namespace quandex::cli
