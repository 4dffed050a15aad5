#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/utf8.h"

namespace quandex {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::string_view rule, std::string_view text) {
  Pieces pieces;
  PreTokenizer(find_pre_tokenizer_rule(rule, "test.gguf")).split(text, [&](std::string_view piece) {
    pieces.emplace_back(piece);
  });
  return pieces;
}

TEST(PreTokenizer, each_family_splits_its_own_way) {
  const std::string text = "He'LL pay 12345 (now)\n\n  ok";
  EXPECT_EQ(split("gpt-2", text), (Pieces{"He", "'", "LL", " pay", " 12345", " (", "now", ")", "\n\n ", " ok"}));
  EXPECT_EQ(split("llama-bpe", text),
            (Pieces{"He", "'LL", " pay", " ", "123", "45", " (", "now", ")\n\n", " ", " ok"}));
  EXPECT_EQ(split("qwen2", text),
            (Pieces{"He", "'LL", " pay", " ", "1", "2", "3", "4", "5", " (", "now", ")\n\n", " ", " ok"}));
  EXPECT_EQ(split("smollm", "a 12b"), (Pieces{"a", " ", "1", "2", "b"}));
  EXPECT_EQ(split("falcon", "a 12345(b"), (Pieces{"a", " ", "123", "45", "(", "b"}));
}

TEST(PreTokenizer, combining_marks_end_a_word_except_in_qwen35) {
  EXPECT_EQ(split("qwen2", "e\u0301a"), (Pieces{"e", "\u0301a"}));
  EXPECT_EQ(split("qwen35", "e\u0301a"), (Pieces{"e\u0301a"}));
}

TEST(PreTokenizer, white_space_is_what_unicode_says) {
  std::vector<char32_t> spaces;
  const PreTokenizer pre_tokenizer(find_pre_tokenizer_rule("gpt-2", "test.gguf"));
  for (char32_t c = 1; c <= 0xFFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    // Of two spaces before a letter only the first is a piece; two of anything else stay together or end the word.
    std::string text;
    append_utf8(c, text);
    const size_t n_bytes = text.size();
    append_utf8(c, text);
    text += "!";
    size_t first = 0;
    pre_tokenizer.split(text, [&](std::string_view piece) {
      if (first == 0) first = piece.size();
    });
    const std::string single = text.substr(0, n_bytes);
    bool is_word = false;
    pre_tokenizer.split("a" + single + "1",
                        [&](std::string_view piece) { is_word = is_word || piece.size() > n_bytes; });
    if (first == n_bytes && !is_word) spaces.push_back(c);
  }
  EXPECT_EQ(spaces, (std::vector<char32_t>{0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x85,   0xA0,   0x1680,
                                           0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007,
                                           0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}));
}

TEST(PreTokenizer, pieces_are_the_whole_text_for_every_rule) {
  std::mt19937 random(3);
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) {
    const PreTokenizer pre_tokenizer(rule);
    for (int i = 0; i < 30; ++i) {
      std::string text, joined;
      for (int n = 0; n < 40; ++n) {
        constexpr std::u32string_view kCharacters = U" \t\r\n'sStlL1٣½.!$`海éж\u0301\u200d😀\u00a0\u2028\u180e\x01";
        append_utf8(kCharacters[random() % kCharacters.size()], text);
      }
      pre_tokenizer.split(text, [&](std::string_view piece) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      });
      ASSERT_EQ(joined, text) << rule.name;
    }
  }
}

TEST(PreTokenizer, long_runs_are_matched_to_their_end) {
  constexpr size_t kLength = 1 << 20;
  for (const std::string_view rule : {"gpt-2", "llama-bpe", "qwen2", "qwen35"}) {
    for (const std::string_view unit : {"a", "é", "海", "!", "\n", " ", "\u3000", "\u0301"}) {
      std::string text;
      while (text.size() < kLength) text += unit;
      // Followed by a letter, runs of spaces make the patterns step back over the whole run.
      for (const std::string_view after : {"", "x", "\n", "1"}) {
        size_t n_bytes = 0, n_pieces = 0;
        PreTokenizer(find_pre_tokenizer_rule(rule, "test.gguf")).split(text + std::string(after), [&](auto piece) {
          n_bytes += piece.size();
          ++n_pieces;
        });
        EXPECT_EQ(n_bytes, text.size() + after.size()) << rule << " " << unit;
        EXPECT_LE(n_pieces, 3u) << rule << " " << unit;
      }
    }
  }
}

TEST(PreTokenizer, an_unknown_name_is_refused_with_the_known_ones) {
  try {
    find_pre_tokenizer_rule("bloom-9", "test.gguf");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("test.gguf: tokenizer.ggml.pre 'bloom-9' is not supported")) << message;
    for (const PreTokenizerRule& rule : pre_tokenizer_rules())
      EXPECT_NE(message.find(rule.name), std::string::npos) << rule.name;
  }
}

}  // namespace
}  // namespace quandex
