#include "cli/line_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "cli/edit_buffer.h"

namespace quandex::cli {
namespace {

constexpr int kTabWidth = 8;

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

// Columns that a character takes at a column of a row; it never reaches beyond the row.
int width_at(char32_t c, int column, int columns) {
  if (c == U'\t') return std::min(kTabWidth - column % kTabWidth, columns - column);
  return is_control(c) ? 1 : std::min(character_width(c), columns);
}

std::string up(size_t n) { return n == 0 ? std::string() : fmt::format("\033[{}A", n); }
std::string right(int n) { return n == 0 ? std::string() : fmt::format("\033[{}C", n); }

}  // namespace

int styled_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    if (text.starts_with("\033[")) {
      const size_t end = text.find_first_of("ABCDEFGHJKSTfmsu", 2);
      text.remove_prefix(std::min(text.size(), end == std::string_view::npos ? text.size() : end + 1));
      continue;
    }
    const DecodedCodepoint c = decode_utf8(text);
    width += character_width(c.value);
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return width;
}

LineView::Layout LineView::lay_out(int prompt_width, std::u32string_view text, size_t cursor, int columns) {
  Layout layout;
  layout.rows.emplace_back();
  int column = std::min(prompt_width, columns - 1);
  const auto begin_row = [&](size_t end, size_t begin) {
    layout.rows.back().end = end;
    layout.rows.push_back({begin, begin});
    column = 0;
  };
  for (size_t i = 0;; ++i) {
    const bool has_character = i < text.size() && text[i] != U'\n';
    const int width = has_character ? width_at(text[i], column, columns) : 0;
    if (column + width > columns) begin_row(i, i);
    // A row that is full to its end is followed by another, on which the cursor can stand.
    if (i == cursor && column == columns && (i == text.size() || text[i] == U'\n')) begin_row(i, i);
    if (i == cursor) {
      layout.cursor_row = layout.rows.size() - 1;
      layout.cursor_column = column;
    }
    if (i == text.size()) break;
    if (has_character)
      column += width_at(text[i], column, columns);
    else
      begin_row(i, i + 1);
  }
  layout.rows.back().end = text.size();
  layout.last_column = column;
  return layout;
}

std::string LineView::row_bytes(const Layout& layout, size_t row, std::string_view prompt, std::u32string_view text,
                                int columns) const {
  std::string bytes;
  int column = 0;
  if (row == 0 && prompt_width_ < columns) {
    bytes += prompt;
    column = prompt_width_;
  } else if (row == 0) {
    column = columns - 1;  // no room for a prompt: its place is left empty
    bytes.append(static_cast<size_t>(column), ' ');
  }
  for (size_t i = layout.rows[row].begin; i < layout.rows[row].end; ++i) {
    const int width = width_at(text[i], column, columns);
    if (text[i] == U'\t')
      bytes.append(static_cast<size_t>(width), ' ');
    else if (is_control(text[i]) || character_width(text[i]) > columns)
      bytes += '?';
    else
      append_utf8(text[i], bytes);
    column += width;
  }
  return bytes;
}

std::string LineView::draw(std::string_view prompt, std::u32string_view text, size_t cursor, WindowSize window) {
  prompt_width_ = styled_width(prompt);
  const Layout layout = lay_out(prompt_width_, text, cursor, window.columns);
  const size_t n_rows = layout.rows.size();
  const auto height = static_cast<size_t>(window.rows);
  std::string bytes;
  // Text that is added at the end of a row needs nothing else to be drawn.
  const bool is_added = is_drawn_ && window == window_ && prompt == prompt_ && cursor == text.size() &&
                        cursor_ == text_.size() && text.starts_with(text_) && n_rows == n_rows_ &&
                        std::ranges::none_of(text.substr(text_.size()), is_control);
  if (is_added) {
    for (const char32_t c : text.substr(text_.size())) append_utf8(c, bytes);
  } else {
    top_ = std::min(top_, n_rows - std::min(n_rows, height));
    top_ = std::clamp(top_, layout.cursor_row + 1 - std::min(layout.cursor_row + 1, height), layout.cursor_row);
    n_rows_shown_ = std::min(n_rows - top_, height);
    bytes = up(cursor_row_shown_) + "\r\033[J";
    for (size_t i = 0; i < n_rows_shown_; ++i) {
      if (i > 0) bytes += "\r\n";
      bytes += row_bytes(layout, top_ + i, prompt, text, window.columns);
    }
    cursor_row_shown_ = layout.cursor_row - top_;
    bytes += up(n_rows_shown_ - 1 - cursor_row_shown_) + "\r" + right(layout.cursor_column);
  }
  prompt_ = prompt;
  text_ = text;
  cursor_ = cursor;
  n_rows_ = n_rows;
  window_ = window;
  is_drawn_ = true;
  return bytes;
}

std::string LineView::leave() const {
  std::string bytes;
  for (size_t i = cursor_row_shown_; i < n_rows_shown_; ++i) bytes += "\r\n";
  return bytes;
}

void LineView::resize(WindowSize window) {
  if (!is_drawn_) return;
  const Layout layout = lay_out(prompt_width_, text_, cursor_, window.columns);
  cursor_row_shown_ = std::min(layout.cursor_row, static_cast<size_t>(window.rows) - 1);
  is_drawn_ = false;
}

}  // namespace quandex::cli
