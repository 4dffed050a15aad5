#include "cli/usage.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/nearest.h"
#include "cli/escape.h"
#include "cli/verb.h"

namespace quandex::cli {
namespace {

const std::vector<std::string> kFlags{"--temperature", "--top-k", "--top-p", "--seed", "-n", "--tokens"};

TEST(Usage, edit_distance_counts_each_kind_of_slip_once) {
  EXPECT_EQ(edit_distance("seed", "seed"), 0);
  EXPECT_EQ(edit_distance("sed", "seed"), 1);
  EXPECT_EQ(edit_distance("seeed", "seed"), 1);
  EXPECT_EQ(edit_distance("sead", "seed"), 1);
  EXPECT_EQ(edit_distance("esed", "seed"), 1);
  EXPECT_EQ(edit_distance("", "seed"), 4);
}

TEST(Usage, a_slip_or_an_unfinished_word_finds_its_option) {
  EXPECT_EQ(nearest("--temprature", kFlags), "--temperature");
  EXPECT_EQ(nearest("--temp", kFlags), "--temperature");
  EXPECT_EQ(nearest("--topk", kFlags), "--top-k");
  EXPECT_EQ(suggestion("--sede", kFlags), "; did you mean --seed?");
}

TEST(Usage, a_word_like_no_option_finds_none) {
  EXPECT_EQ(nearest("--colour", kFlags), "");
  EXPECT_EQ(suggestion("--colour", kFlags), "");
}

std::string message_of(auto call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Usage, numbers_out_of_range_are_refused_with_flag_value_and_range) {
  EXPECT_EQ(message_of([] { parse_integer("--top-k", "-3", 0, 100); }), "--top-k is -3; expected 0 to 100");
  EXPECT_EQ(message_of([] { parse_integer("--top-k", "99999999999999999999", 0, 100); }),
            "--top-k is 99999999999999999999; expected 0 to 100");
  EXPECT_EQ(message_of([] { parse_integer("--top-k", "4x", 0, 100); }),
            "--top-k is '4x'; expected an integer from 0 to 100");
  EXPECT_EQ(message_of([] { parse_integer("--top-k", "", 0, 100); }),
            "--top-k is ''; expected an integer from 0 to 100");
  EXPECT_EQ(message_of([] { parse_real("--top-p", "1.5", 0, 1); }), "--top-p is 1.5; expected 0 to 1");
  EXPECT_EQ(message_of([] { parse_real("--top-p", "nan", 0, 1); }), "--top-p is 'nan'; expected a number from 0 to 1");
}

TEST(Usage, numbers_in_range_are_read_exactly) {
  EXPECT_EQ(parse_integer("--seed", "9007199254740993", 0, INT64_MAX), 9007199254740993);
  EXPECT_EQ(parse_real("--top-p", "0.25", 0, 1), 0.25);
}

TEST(Escape, one_line_holds_whatever_bytes_come) {
  EXPECT_EQ(escaped("a\nb\tc\x01"), "a\\nb\\tc\\x01");
  EXPECT_EQ(escaped("\xc3\xa9\xff"), "\xc3\xa9\\xff");
  EXPECT_EQ(escaped("abcdef", 3), "abc…");
  EXPECT_EQ(escaped("abc", 3), "abc");
}

}  // namespace
}  // namespace quandex::cli
