#include "cli/edit_buffer.h"

#include <gtest/gtest.h>

namespace quandex::cli {
namespace {

EditBuffer buffer_with(std::u32string text) {
  EditBuffer buffer;
  buffer.set(std::move(text));
  return buffer;
}

TEST(EditBuffer, characters_are_moved_over_and_erased_with_their_marks) {
  EditBuffer buffer = buffer_with(U"ae\u0301漢");
  buffer.move_left();
  EXPECT_EQ(buffer.cursor(), 3u);
  buffer.erase_left();
  EXPECT_EQ(buffer.text(), U"a漢");
  buffer.move_left();
  buffer.move_left();  // it is at the start already
  EXPECT_EQ(buffer.cursor(), 0u);
  buffer.erase_right();
  buffer.erase_right();
  buffer.erase_right();
  EXPECT_EQ(buffer.text(), U"");
}

TEST(EditBuffer, words_are_letters_and_digits) {
  EditBuffer buffer = buffer_with(U"one, größe2  (three)");
  buffer.move_word_left();
  EXPECT_EQ(buffer.cursor(), 14u);
  buffer.move_word_left();
  EXPECT_EQ(buffer.cursor(), 5u);
  buffer.cut_word_right();
  EXPECT_EQ(buffer.text(), U"one,   (three)");
  buffer.move_end();
  buffer.insert_cut();
  EXPECT_EQ(buffer.text(), U"one,   (three)größe2");
  buffer.cut_word_left();
  buffer.cut_word_left();
  EXPECT_EQ(buffer.text(), U"one,   (");
}

TEST(EditBuffer, home_and_end_are_those_of_a_line_of_the_text) {
  EditBuffer buffer = buffer_with(U"first\nsecond");
  buffer.move_home();
  EXPECT_EQ(buffer.cursor(), 6u);
  buffer.move_left();
  buffer.move_home();
  EXPECT_EQ(buffer.cursor(), 0u);
  buffer.cut_to_end();
  EXPECT_EQ(buffer.text(), U"\nsecond");
  buffer.cut_to_end();  // the newline itself
  EXPECT_EQ(buffer.text(), U"second");
  buffer.move_end();
  buffer.cut_to_home();
  EXPECT_EQ(buffer.text(), U"");
  buffer.insert_cut();
  EXPECT_EQ(buffer.text(), U"second");
}

TEST(EditBuffer, neighbours_are_swapped) {
  EditBuffer buffer = buffer_with(U"abc");
  buffer.swap_characters();
  EXPECT_EQ(buffer.text(), U"acb");
  buffer.move_home();
  buffer.swap_characters();
  EXPECT_EQ(buffer.text(), U"acb");
  buffer.move_right();
  buffer.swap_characters();
  EXPECT_EQ(buffer.text(), U"cab");
  EXPECT_EQ(buffer.cursor(), 2u);
}

}  // namespace
}  // namespace quandex::cli
