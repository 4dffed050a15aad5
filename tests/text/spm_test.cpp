#include "text/spm.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

using testing::Ids;
using testing::spm_metadata;

constexpr int32_t kFirst = 3 + 256;  // id of the first token of a test
constexpr int32_t kByte = 3;         // id of <0x00>

// Single characters, then words that merge step by step.
const std::vector<testing::TestToken> kTokens = {
    {"▁", 1, -10}, {"a", 1, -11}, {"b", 1, -12}, {"c", 1, -13},
    {"ab", 1, -2}, {"bc", 1, -1}, {"▁a", 1, -3}, {"▁▁", 1, -4},
};
enum : int32_t { sp = kFirst, a, b, c, ab, bc, sp_a, sp_sp };

TEST(Spm, the_best_score_merges_first) {
  const auto tokenizer = make_tokenizer(spm_metadata(kTokens));
  EXPECT_EQ(tokenizer->encode("bcab", false), (Ids{sp, bc, ab}));
  EXPECT_EQ(tokenizer->encode("babc", false), (Ids{sp, b, a, bc}));  // bc beats ab
  EXPECT_EQ(tokenizer->encode("ab", false), (Ids{sp, ab}));          // ab beats ▁a
  EXPECT_EQ(tokenizer->encode("a", false), (Ids{sp_a}));
}

TEST(Spm, equal_scores_merge_from_the_left) {
  const auto tokenizer = make_tokenizer(spm_metadata({{"a", 1, -5}, {"aa", 1, -1}, {"▁", 1, -5}}));
  EXPECT_EQ(tokenizer->encode("aaa", false), (Ids{kFirst + 2, kFirst + 1, kFirst}));
}

TEST(Spm, a_token_that_better_scores_overtake_is_not_taken_whole) {
  auto tokens = kTokens;
  tokens.push_back({"abc", 1, -20});
  tokens.push_back({"cab", 1, -1.5f});
  tokens.push_back({"▁ab", 1, -30});
  const auto tokenizer = make_tokenizer(spm_metadata(tokens));
  EXPECT_EQ(tokenizer->encode("abc", false), (Ids{sp_a, bc}));  // bc, then ▁a, and abc is out of reach
  EXPECT_EQ(tokenizer->encode("cabc", false), (Ids{sp, c, kFirst + 8}));
  EXPECT_EQ(tokenizer->encode("ab", false), (Ids{kFirst + 10}));
  EXPECT_EQ(tokenizer->encode("acab", false), (Ids{sp_a, kFirst + 9}));
}

TEST(Spm, characters_without_a_token_become_byte_tokens) {
  const auto tokenizer = make_tokenizer(spm_metadata(kTokens));
  EXPECT_EQ(tokenizer->encode("a海", false), (Ids{sp_a, kByte + 0xE6, kByte + 0xB5, kByte + 0xB7}));
  EXPECT_EQ(tokenizer->encode("\n", false), (Ids{sp, kByte + '\n'}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a海\n", false), false), "a海\n");
}

TEST(Spm, without_byte_tokens_a_character_becomes_the_unknown_token) {
  const auto tokenizer = make_tokenizer(spm_metadata({{"▁", 1, -1}, {"a", 1, -1}}, false));
  EXPECT_EQ(tokenizer->encode("a海a", false), (Ids{3, 4, 0, 4}));
  EXPECT_EQ(tokenizer->decode(Ids{4, 0, 4}, false), "aa");
  EXPECT_EQ(tokenizer->decode(Ids{4, 0, 4}, true), "a<unk>a");
}

TEST(Spm, characters_can_merge_though_neither_is_a_token) {
  const auto tokenizer = make_tokenizer(spm_metadata({{"▁", 1, -1}, {"海灯", 1, -1}}));
  EXPECT_EQ(tokenizer->encode("海灯", false), (Ids{kFirst, kFirst + 1}));
}

TEST(Spm, the_dummy_space_goes_in_front_of_text_and_after_special_tokens) {
  auto tokens = kTokens;
  tokens.push_back({"<x>", 4, 0});
  const auto tokenizer = make_tokenizer(spm_metadata(tokens));
  constexpr int32_t x = kFirst + 8;
  EXPECT_EQ(tokenizer->encode("", false), Ids{});
  EXPECT_EQ(tokenizer->encode(" ", false), Ids{sp_sp});
  EXPECT_EQ(tokenizer->encode(" a", false), (Ids{sp, sp_a}));
  EXPECT_EQ(tokenizer->encode("a a", false), (Ids{sp_a, sp_a}));
  EXPECT_EQ(tokenizer->encode("<x>a", false), (Ids{x, sp_a}));
  EXPECT_EQ(tokenizer->encode("c<x>c<x>", false), (Ids{sp, c, x, sp, c, x}));
  EXPECT_EQ(tokenizer->encode("<s>a", true), (Ids{1, sp_a}));
}

TEST(Spm, the_file_can_turn_the_dummy_space_off) {
  Metadata metadata = spm_metadata(kTokens);
  metadata.set_bool("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(tokenizer->encode("a a", false), (Ids{a, sp_a}));
  EXPECT_EQ(tokenizer->decode(Ids{sp_a}, false), " a");
}

TEST(Spm, decoding_drops_the_dummy_space_only) {
  const auto tokenizer = make_tokenizer(spm_metadata(kTokens));
  for (const std::string text : {"a", " a", "  a  b ", "abc abc", "", "\n a"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false), false), text);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode_prompt(text, false), false), text);  // BOS is not shown
  }
}

TEST(Spm, tokens_with_a_space_inside_are_found) {
  auto tokens = kTokens;
  tokens.push_back({"a▁", 1, -0.5f});
  tokens.push_back({"a▁b", 1, -0.4f});
  const auto tokenizer = make_tokenizer(spm_metadata(tokens));
  EXPECT_EQ(tokenizer->encode("a b", false), (Ids{sp, kFirst + 9}));
  EXPECT_EQ(tokenizer->encode("ca c", false), (Ids{sp, c, kFirst + 8, c}));
}

TEST(Spm, a_megabyte_of_one_letter_is_merged_in_linear_time) {  // quadratic work would meet the time limit of ctest
  std::vector<testing::TestToken> tokens = {{"▁", 1, -1}, {"a", 1, -1}};
  float score = -2;
  for (std::string text = "aa"; text.size() <= 64; text += text) tokens.push_back({text, 1, score--});
  Metadata metadata = spm_metadata(tokens);
  metadata.set_bool("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(tokenizer->encode(std::string(1 << 20, 'a'), false), Ids((1 << 20) / 64, kFirst + 7));
}

std::string load_error(const Metadata& metadata) {
  try {
    make_tokenizer(metadata);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
  return "no error";
}

TEST(Spm, vocabularies_that_cannot_encode_are_refused) {
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "llama");
  testing::set_tokens(metadata, {{"a"}}, false);
  EXPECT_EQ(load_error(metadata),
            "test.gguf: tokenizer.ggml.scores is absent, expected the scores of a llama vocabulary");
  testing::set_tokens(metadata, {{"a"}}, true);
  EXPECT_EQ(
      load_error(metadata),
      "test.gguf: the vocabulary has neither an unknown token nor all 256 byte tokens, so not every text has ids");
  testing::set_tokens(metadata, {{"a"}, {"<0xZZ>", 6}}, true);
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.tokens[1] is '<0xZZ>', expected a byte such as <0x0A>");
}

TEST(Spm, a_token_that_is_only_matched_whole_is_no_piece_of_other_text) {
  Metadata metadata = spm_metadata({{"▁", 1, -1}, {"a", 1, -1}, {"ß", 4}});
  metadata.set_bool("tokenizer.ggml.add_space_prefix", false);
  const int32_t ids[] = {261};
  metadata.set_i32s("quandex.tokenizer.single_word", ids);
  EXPECT_EQ(make_tokenizer(metadata)->encode("aß ß", false), (Ids{260, 261, 259, 261}));
  metadata.set_i32s("quandex.tokenizer.not_in_model", ids);
  EXPECT_EQ(make_tokenizer(metadata)->encode("aß ß", false), (Ids{260, 3 + 0xC3, 3 + 0x9F, 259, 261}));
}

}  // namespace
}  // namespace quandex
