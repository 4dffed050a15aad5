// The text of a line that is being edited, its cursor, and what was cut out of it last. Pure data: no terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quandex::cli {

// Columns that a character takes on a terminal: 0 for marks that join the one before, 1 or 2 otherwise.
int character_width(char32_t c);

class EditBuffer {
 public:
  const std::u32string& text() const { return text_; }
  size_t cursor() const { return cursor_; }  // in front of this character; size() at the end

  void set(std::u32string text);  // the cursor goes to the end
  void insert(std::u32string_view text);

  // Moves by characters with the marks that join them, by words (letters and digits), and within a line of the text.
  void move_left() { cursor_ = before(cursor_); }
  void move_right() { cursor_ = behind(cursor_); }
  void move_word_left() { cursor_ = word_begin(); }
  void move_word_right() { cursor_ = word_end(); }
  void move_home() { cursor_ = line_begin(); }
  void move_end() { cursor_ = line_end(); }

  void erase_left() { erase(before(cursor_), cursor_); }
  void erase_right() { erase(cursor_, behind(cursor_)); }
  // What these take out comes back with insert_cut().
  void cut_word_left() { cut(word_begin(), cursor_); }
  void cut_word_right() { cut(cursor_, word_end()); }
  void cut_to_home() { cut(line_begin(), cursor_); }
  void cut_to_end();  // at the end of a line its newline
  void insert_cut() { insert(cut_); }
  void swap_characters();  // the two before the cursor, or around it where one follows

 private:
  size_t before(size_t at) const;
  size_t behind(size_t at) const;
  size_t word_begin() const;
  size_t word_end() const;
  size_t line_begin() const;
  size_t line_end() const;
  void erase(size_t begin, size_t end);
  void cut(size_t begin, size_t end);

  std::u32string text_, cut_;
  size_t cursor_ = 0;
};

}  // namespace quandex::cli
