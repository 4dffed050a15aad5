#include "text/split_pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace quandex {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  std::vector<std::string> found;
  SplitPattern(pattern, "test.json").for_each(text, [&](SplitPattern::Match match) {
    found.emplace_back(text.substr(match.begin, match.end - match.begin));
  });
  return found;
}

using Texts = std::vector<std::string>;

TEST(SplitPattern, the_leftmost_match_at_or_after_a_place_is_found) {
  const SplitPattern pattern(R"(\d+)", "test.json");
  const auto match = pattern.find("a12b345", 0);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 1u);
  EXPECT_EQ(match->end, 3u);
  EXPECT_EQ(pattern.find("a12b345", 2)->begin, 2u);
  EXPECT_EQ(pattern.find("a12b345", 3)->begin, 4u);
  EXPECT_FALSE(pattern.find("a12b345", 7));
}

TEST(SplitPattern, look_behind_sees_the_text_before_the_place) {
  const SplitPattern pattern(R"((?<=a)b)", "test.json");
  EXPECT_EQ(pattern.find("ab", 1)->begin, 1u);
  EXPECT_FALSE(pattern.find("cb", 1));
}

TEST(SplitPattern, white_space_digits_and_words_are_those_of_oniguruma) {
  std::string spaces, others;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const bool is_space = (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                          (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
                          c == 0x3000;
    append_utf8(c, is_space ? spaces : others);
  }
  for (const std::string_view set : {R"(\s+)", R"([\s]+)", R"([^\S]+)"}) {
    EXPECT_EQ(matches(set, spaces), Texts{spaces}) << set;
    EXPECT_EQ(matches(set, others), Texts{}) << set;
  }
  for (const std::string_view set : {R"(\S+)", R"([\S]+)", R"([^\s]+)"}) {
    EXPECT_EQ(matches(set, others), Texts{others}) << set;
    EXPECT_EQ(matches(set, spaces), Texts{}) << set;
  }
  EXPECT_EQ(matches(R"(\d+)", "1\u0663\u00bd\u4e00"), Texts{"1\u0663"});
  EXPECT_EQ(matches(R"(\w+)", "a\u0301_\u203f9\u00bd\u2153\u0939\u093f"),
            (Texts{"a\u0301_\u203f9\u00bd", "\u0939\u093f"}));
  EXPECT_EQ(matches(R"([\w]+)", "a\u00bdb"), (Texts{"a", "b"}));  // only alone is \w what is called so of Latin-1
  EXPECT_EQ(matches(R"(\W+)", "a\u2153!b"), Texts{"\u2153!"});
}

TEST(SplitPattern, empty_matches_do_not_stop_the_walk) {
  EXPECT_EQ(matches("x*", "axb"), (Texts{"", "x", ""}));
  EXPECT_EQ(matches("", "\u00e9"), (Texts{"", ""}));
  EXPECT_EQ(matches("a", ""), Texts{});
}

TEST(SplitPattern, a_pattern_that_is_not_understood_is_refused) {
  for (const std::string_view pattern : {"(", "[a", R"(\p{Nonsense})", "a**+?", R"([\W])"}) {
    try {
      SplitPattern(pattern, "test.json");
      FAIL() << "no error for " << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unsupported);
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with("test.json: the pattern '" + std::string(pattern))) << message;
    }
  }
}

TEST(SplitPattern, exponential_matching_ends_in_an_error) {
  const SplitPattern pattern(R"((?:a|a|aa)+[bc])", "test.json");
  const std::string text(200, 'a');
  try {
    pattern.find(text, 0);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("failed at byte 0 of 200"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace quandex
