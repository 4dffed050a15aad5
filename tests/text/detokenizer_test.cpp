#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

using testing::bpe_metadata;
using testing::Ids;

// One token a byte, so that every way to cut a text into tokens can be had by adding tokens.
std::unique_ptr<Tokenizer> byte_tokenizer(const std::vector<testing::TestToken>& more = {}) {
  return make_tokenizer(bpe_metadata("qwen2", {}, more));
}

// The text of all pushes and of finish(); each push must end between characters.
std::string run(Detokenizer& detokenizer, const Ids& ids) {
  std::string all;
  for (const int32_t id : ids) {
    const std::string part = detokenizer.push(id);
    EXPECT_TRUE(is_valid_utf8(part));
    all += part;
  }
  const std::string rest = detokenizer.finish();
  EXPECT_TRUE(is_valid_utf8(rest));
  return all + rest;
}

// Cuts a text at random places into tokens of their own; gives the tokenizer and the ids.
std::pair<std::unique_ptr<Tokenizer>, Ids> cut_randomly(std::string_view text, std::mt19937& random) {
  std::vector<testing::TestToken> pieces;
  Ids ids;
  for (size_t done = 0; done < text.size();) {
    const size_t n = std::min<size_t>(1 + random() % 5, text.size() - done);
    ids.push_back(static_cast<int32_t>(256 + pieces.size()));
    pieces.push_back({std::string(text.substr(done, n))});
    done += n;
  }
  return {byte_tokenizer(pieces), ids};
}

TEST(Detokenizer, characters_come_out_whole) {
  const auto tokenizer = byte_tokenizer();
  Detokenizer detokenizer(*tokenizer, {}, false);
  EXPECT_EQ(detokenizer.push('a'), "a");
  EXPECT_EQ(detokenizer.push(0xF0), "");
  EXPECT_EQ(detokenizer.push(0x9F), "");
  EXPECT_EQ(detokenizer.push(0x98), "");
  EXPECT_EQ(detokenizer.push(0x80), "😀");
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, random_cuts_never_show_half_a_character) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) {
      if (random() % 4 == 0) {
        text += static_cast<char>(static_cast<uint8_t>(random()));  // any byte: often invalid
      } else {
        constexpr std::u32string_view kCharacters = U"aé海😀\u0301 ";
        append_utf8(kCharacters[random() % kCharacters.size()], text);
      }
    }
    const auto [tokenizer, ids] = cut_randomly(text, random);
    Detokenizer detokenizer(*tokenizer, {}, false);
    ASSERT_EQ(run(detokenizer, ids), to_valid_utf8(text));
  }
}

TEST(Detokenizer, bytes_that_never_complete_become_replacement_characters) {
  const auto tokenizer = byte_tokenizer();
  Detokenizer detokenizer(*tokenizer, {}, false);
  EXPECT_EQ(detokenizer.push(0xE6), "");
  EXPECT_EQ(detokenizer.push('a'), "\uFFFDa");
  EXPECT_EQ(detokenizer.push(0x80), "\uFFFD");
  EXPECT_EQ(detokenizer.push(0xE6), "");
  EXPECT_EQ(detokenizer.push(0xB5), "");
  EXPECT_EQ(detokenizer.finish(), "\uFFFD");
}

TEST(Detokenizer, what_may_become_a_stop_string_is_held_back) {
  const auto tokenizer = byte_tokenizer();
  Detokenizer detokenizer(*tokenizer, {"END"}, false);
  EXPECT_EQ(detokenizer.push('x'), "x");
  EXPECT_EQ(detokenizer.push('E'), "");
  EXPECT_EQ(detokenizer.push('E'), "E");  // the second may still begin one
  EXPECT_EQ(detokenizer.push('N'), "");
  EXPECT_EQ(detokenizer.push('x'), "ENx");
  EXPECT_EQ(detokenizer.push('E'), "");
  EXPECT_EQ(detokenizer.push('N'), "");
  EXPECT_FALSE(detokenizer.is_stopped());
  EXPECT_EQ(detokenizer.push('D'), "");
  EXPECT_TRUE(detokenizer.is_stopped());
  EXPECT_EQ(detokenizer.push('y'), "");
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, held_back_text_comes_out_at_the_end) {
  const auto tokenizer = byte_tokenizer();
  Detokenizer detokenizer(*tokenizer, {"END"}, false);
  EXPECT_EQ(run(detokenizer, {'a', 'E', 'N'}), "aEN");
  EXPECT_FALSE(detokenizer.is_stopped());
}

TEST(Detokenizer, a_stop_string_is_found_across_every_token_border) {
  const std::string text = "one 海STOP海! two";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      const auto tokenizer =
          byte_tokenizer({{text.substr(0, first)}, {text.substr(first, second - first)}, {text.substr(second)}});
      Detokenizer detokenizer(*tokenizer, {"STOP海!", "never"}, false);
      ASSERT_EQ(run(detokenizer, {256, 257, 258}), "one 海") << first << " " << second;
      ASSERT_TRUE(detokenizer.is_stopped());
    }
  }
}

TEST(Detokenizer, the_stop_string_completed_first_counts_however_the_text_is_cut) {
  std::mt19937 random(9);
  const auto cut_and_run = [&](std::string_view text, const std::vector<std::string>& stops) {
    const auto [tokenizer, ids] = cut_randomly(text, random);
    Detokenizer detokenizer(*tokenizer, stops, false);
    return run(detokenizer, ids);
  };
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(cut_and_run("xxabcdyy", {"abcd", "bc"}), "xxa");        // bc is complete before abcd
    ASSERT_EQ(cut_and_run("xxabcdyy", {"bcd", "abcd", "cd"}), "xx");  // all complete at once: the longest
    ASSERT_EQ(cut_and_run("aaab", {"aab"}), "a");
    ASSERT_EQ(cut_and_run("abab!", {"abac", ""}), "abab!");
  }
  // Against the definition, letter by letter.
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) text += static_cast<char>('a' + random() % 2);
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops)
      for (size_t n = 1 + random() % 4; n > 0; --n) stop += static_cast<char>('a' + random() % 2);
    std::string want = text;
    for (size_t end = 1; end <= text.size() && want.size() == text.size(); ++end)
      for (const std::string& stop : stops)
        if (std::string_view(text).substr(0, end).ends_with(stop) && end - stop.size() < want.size())
          want = text.substr(0, end - stop.size());
    ASSERT_EQ(cut_and_run(text, stops), want) << text;
  }
}

TEST(Detokenizer, control_tokens_are_shown_on_request) {
  const auto tokenizer = byte_tokenizer({{"<|e|>", 3}});
  Detokenizer hidden(*tokenizer, {}, false), shown(*tokenizer, {}, true);
  EXPECT_EQ(run(hidden, {'a', 256, 'b', 9999}), "ab");
  EXPECT_EQ(run(shown, {'a', 256, 'b', 9999}), "a<|e|>b");
}

TEST(Detokenizer, single_control_tokens_are_shown_on_request) {
  const auto tokenizer = byte_tokenizer({{"<|e|>", 3}, {"[CALL]", 3}, {"<|f|>", 3}});
  Detokenizer detokenizer(*tokenizer, {"]b"}, false);
  const Ids shown = {257, -1, 9999};
  detokenizer.show(shown);
  EXPECT_EQ(run(detokenizer, {'a', 256, 257, 'c', 258, 257, 'b'}), "a[CALL]c[CALL");  // stop strings see them too
  EXPECT_TRUE(detokenizer.is_stopped());
}

TEST(Detokenizer, the_dummy_space_is_dropped_at_the_start_of_a_text_only) {
  const auto tokenizer = make_tokenizer(testing::spm_metadata({{"▁a", 1, -1}, {"▁", 1, -2}}));
  const int32_t word = 3 + 256;
  Detokenizer start(*tokenizer, {}, false, true), middle(*tokenizer, {}, false, false);
  EXPECT_EQ(run(start, {1, word, word}), "a a");  // BOS, which is not shown, changes nothing
  EXPECT_EQ(run(middle, {word, word}), " a a");
}

}  // namespace
}  // namespace quandex
