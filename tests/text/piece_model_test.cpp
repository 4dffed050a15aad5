// The vocabularies of GGUF that are no BPE: bert (WordPiece) and t5 (Unigram), by GGUF's own keys.
#include "text/piece_model.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

using testing::Ids;

Metadata bert() {
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "bert");
  testing::set_tokens(metadata,
                      {{"[PAD]", 3},
                       {"[UNK]", 3},
                       {"[CLS]", 3},
                       {"[SEP]", 3},
                       {"▁light"},
                       {"house"},
                       {"▁the"},
                       {"▁house"},
                       {"s"},
                       {"▁."},
                       {"▁海"},
                       {"ho"}},
                      false);
  metadata.set_u32("tokenizer.ggml.unknown_token_id", 1);
  metadata.set_u32("tokenizer.ggml.cls_token_id", 2);
  metadata.set_u32("tokenizer.ggml.seperator_token_id", 3);
  return metadata;
}

TEST(WordPiece, words_are_cut_into_the_longest_tokens_from_the_left) {
  const auto tokenizer = make_tokenizer(bert());
  EXPECT_EQ(tokenizer->encode("The Lighthouses.", false), (Ids{6, 4, 5, 8, 9}));
  EXPECT_EQ(tokenizer->encode("house lighthóuse海the", false), (Ids{7, 4, 5, 10, 6}));
}

TEST(WordPiece, a_word_that_cannot_be_cut_is_unknown_as_a_whole) {
  const auto tokenizer = make_tokenizer(bert());
  EXPECT_EQ(tokenizer->encode("lightx the", false), (Ids{1, 6}));
  EXPECT_EQ(tokenizer->encode("light" + std::string(96, 's'), false), Ids{1});  // more than 100 characters
}

TEST(WordPiece, a_prompt_lies_between_its_two_tokens) {
  const auto tokenizer = make_tokenizer(bert());
  EXPECT_EQ(tokenizer->encode_prompt("the", true), (Ids{2, 6, 3}));
  EXPECT_EQ(tokenizer->encode("[CLS]", true), Ids{2});
  EXPECT_EQ(tokenizer->decode(Ids{2, 6, 4, 5, 8, 9, 3}, false), "the lighthouses.");
}

TEST(WordPiece, phantom_spaces_are_read_as_the_prefix_of_a_word) {
  EXPECT_EQ(make_tokenizer(bert())->encode("ho", false), Ids{1});  // "ho" only goes on
}

Metadata t5(std::vector<testing::TestToken> more = {}) {
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "t5");
  std::vector<testing::TestToken> tokens = {{"<pad>", 3}, {"</s>", 3},   {"<unk>", 2},  {"▁", 1, -2},  {"a", 1, -3},
                                            {"b", 1, -3}, {"ab", 1, -4}, {"▁a", 1, -4}, {"▁ab", 1, -9}};
  tokens.insert(tokens.end(), more.begin(), more.end());
  testing::set_tokens(metadata, tokens, true);
  metadata.set_u32("tokenizer.ggml.eos_token_id", 1);
  metadata.set_u32("tokenizer.ggml.unknown_token_id", 2);
  return metadata;
}

TEST(Unigram, the_cut_with_the_best_sum_of_scores_is_taken) {
  const auto tokenizer = make_tokenizer(t5());
  EXPECT_EQ(tokenizer->encode("ab", false), (Ids{3, 6}));  // -2-4 beats -4-3 and -9
  EXPECT_EQ(tokenizer->encode("a", false), Ids{7});        // -4 beats -2-3
  EXPECT_EQ(tokenizer->encode_prompt("ab", false), (Ids{3, 6, 1}));
  EXPECT_EQ(tokenizer->decode(Ids{3, 6, 7, 1}, false), "ab a");
}

TEST(Unigram, unknown_characters_in_a_row_are_one_token) {
  EXPECT_EQ(make_tokenizer(t5())->encode("海灯a", false), (Ids{3, 2, 4}));
}

TEST(Unigram, spaces_are_made_one_and_trimmed_unless_the_file_keeps_them) {
  Metadata metadata = t5();
  EXPECT_EQ(make_tokenizer(metadata)->encode("  a  b ", false), (Ids{7, 3, 5}));
  metadata.set_bool("tokenizer.ggml.remove_extra_whitespaces", false);
  EXPECT_EQ(make_tokenizer(metadata)->encode(" a", false), (Ids{3, 7}));
  metadata.set_bool("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(make_tokenizer(metadata)->encode("b a", false), (Ids{5, 7}));
}

TEST(Unigram, text_goes_on_behind_a_user_defined_token) {
  const auto tokenizer = make_tokenizer(t5({{"<x>", 4, 0}}));
  EXPECT_EQ(tokenizer->encode("a<x>a <x> a", false), (Ids{7, 9, 4, 3, 9, 7}));
}

TEST(Unigram, a_charsmap_that_is_none_is_refused) {
  Metadata metadata = t5();
  MetaArray map{.element = MetaType::u8, .count = 3, .scalars = std::vector<std::byte>(3), .strings = {}};
  metadata.set("tokenizer.ggml.precompiled_charsmap", {MetaType::array, std::move(map)});
  EXPECT_THROW(make_tokenizer(metadata), Error);
}

}  // namespace
}  // namespace quandex
