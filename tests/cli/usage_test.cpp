#include "cli/usage.h"

#include <fmt/format.h>
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

TEST(Usage, sizes_count_in_1000_or_1024) {
  constexpr uint64_t kMost = uint64_t{1} << 62;
  const auto size = [](std::string_view text) { return parse_size("--kv-memory", text, 0, kMost); };
  EXPECT_EQ(size("0B"), 0u);
  EXPECT_EQ(size("512B"), 512u);
  EXPECT_EQ(size("1KB"), 1000u);
  EXPECT_EQ(size("1KiB"), 1024u);
  EXPECT_EQ(size("3MB"), 3'000'000u);
  EXPECT_EQ(size("3MiB"), 3u << 20);
  EXPECT_EQ(size("24GB"), 24'000'000'000u);
  EXPECT_EQ(size("24GiB"), uint64_t{24} << 30);
  EXPECT_EQ(size("2TB"), 2'000'000'000'000u);
  EXPECT_EQ(size("2TiB"), uint64_t{2} << 40);
  EXPECT_EQ(size("24gib"), uint64_t{24} << 30);
  EXPECT_EQ(size("1.5KiB"), 1536u);
  EXPECT_EQ(size("0.0009765625KiB"), 1u);
  EXPECT_EQ(size("1.9999B"), 1u);
  EXPECT_EQ(size("0.0000000000009094947017729282379150390625TiB"), 1u);
}

TEST(Usage, what_is_no_size_is_refused_with_an_example) {
  const auto refusal = [](std::string_view text) {
    return message_of([&] { parse_size("--kv-memory", text, 1000, uint64_t{1} << 50); });
  };
  for (const char* text : {"",
                           "24",
                           "GB",
                           "24G",
                           "24 GB",
                           "24Gb/s",
                           "-1GB",
                           "+1GB",
                           "1e3MB",
                           "1.GB",
                           ".5GB",
                           "1.2.3GB",
                           "24GGB",
                           "24XB",
                           "24iB",
                           "0x10MB",
                           "18446744073709551616B",
                           "9000000000000TiB",
                           "nanGB",
                           "\u00b2GB"})
    EXPECT_EQ(refusal(text),
              fmt::format("--kv-memory is '{}'; expected a size such as 24GB (1000 to the power of 3) or "
                          "24GiB (1024)",
                          text));
  EXPECT_EQ(refusal("999B"), "--kv-memory is 999B, 999 bytes; expected 1000 to 1125899906842624 bytes");
  EXPECT_EQ(refusal("2000TB"),
            "--kv-memory is 2000TB, 2000000000000000 bytes; expected 1000 to 1125899906842624 bytes");
}

}  // namespace
}  // namespace quandex::cli
