#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "text/special_split.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

using testing::bpe_metadata;
using testing::Ids;
using testing::spm_metadata;

std::string load_error(const Metadata& metadata, ErrorCode code = ErrorCode::invalid_file) {
  try {
    make_tokenizer(metadata);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TEST(Tokenizer, control_tokens_are_matched_in_text_only_on_request) {
  const auto tokenizer = make_tokenizer(bpe_metadata("qwen2", {}, {{"<|e|>", 3}, {"<u>", 4}}));
  EXPECT_EQ(tokenizer->encode("a<|e|>b", true), (Ids{'a', 256, 'b'}));
  EXPECT_EQ(tokenizer->encode("a<|e|>b", false), (Ids{'a', '<', '|', 'e', '|', '>', 'b'}));
  EXPECT_EQ(tokenizer->encode("a<u>b", true), (Ids{'a', 257, 'b'}));
  EXPECT_EQ(tokenizer->encode("a<u>b", false), (Ids{'a', 257, 'b'}));
}

TEST(Tokenizer, control_tokens_are_shown_only_on_request) {
  const auto tokenizer = make_tokenizer(bpe_metadata("qwen2", {}, {{"<|e|>", 3}, {"<u>", 4}}));
  const Ids ids = {'a', 256, 257, 'b', -1, 258};
  EXPECT_EQ(tokenizer->decode(ids, true), "a<|e|><u>b");
  EXPECT_EQ(tokenizer->decode(ids, false), "a<u>b");
}

TEST(Tokenizer, the_leftmost_then_the_longest_special_token_wins) {
  const auto tokenizer =
      make_tokenizer(bpe_metadata("qwen2", {}, {{"<a", 4}, {"<a>", 4}, {"<a><a>", 4}, {">x", 4}, {"<a>", 4}}));
  EXPECT_EQ(tokenizer->encode("<a>x", false), (Ids{257, 'x'}));
  EXPECT_EQ(tokenizer->encode("<a><a>x", false), (Ids{258, 'x'}));
  EXPECT_EQ(tokenizer->encode("<a><a", false), (Ids{257, 256}));
  EXPECT_EQ(tokenizer->encode("<<a>x", false), (Ids{'<', 257, 'x'}));
  EXPECT_EQ(tokenizer->encode("<ab>x", false), (Ids{256, 'b', 259}));
  EXPECT_EQ(tokenizer->encode("<", false), (Ids{'<'}));
}

TEST(Tokenizer, tokens_are_found_by_their_stored_text) {
  const auto tokenizer = make_tokenizer(bpe_metadata("qwen2", {" |a"}, {{"<|e|>", 3}}));
  EXPECT_EQ(tokenizer->n_vocab(), 258);
  EXPECT_EQ(tokenizer->find("Ġa"), 256);
  EXPECT_EQ(tokenizer->find("<|e|>"), 257);
  EXPECT_EQ(tokenizer->find(" a"), std::nullopt);
  EXPECT_EQ(tokenizer->token_text(256), "Ġa");
  EXPECT_EQ(tokenizer->token_text(258), "");
  EXPECT_EQ(tokenizer->token_text(-1), "");
  EXPECT_TRUE(tokenizer->is_control(257));
  EXPECT_FALSE(tokenizer->is_control(256));
  EXPECT_FALSE(tokenizer->is_control(1000));
}

TEST(Tokenizer, bos_and_eos_go_around_a_prompt_as_the_file_says) {
  Metadata metadata = bpe_metadata("qwen2", {}, {{"<b>", 3}, {"<e>", 3}});
  metadata.set_u32("tokenizer.ggml.bos_token_id", 256);
  metadata.set_u32("tokenizer.ggml.eos_token_id", 257);
  EXPECT_EQ(make_tokenizer(metadata)->encode_prompt("a", false), (Ids{'a'}));
  metadata.set_bool("tokenizer.ggml.add_bos_token", true);
  metadata.set_bool("tokenizer.ggml.add_eos_token", true);
  EXPECT_EQ(make_tokenizer(metadata)->encode_prompt("a", false), (Ids{256, 'a', 257}));
  EXPECT_EQ(make_tokenizer(metadata)->encode("a", false), (Ids{'a'}));
  metadata.set_u32("tokenizer.ggml.bos_token_id", 4294967295u);
  EXPECT_EQ(make_tokenizer(metadata)->encode_prompt("a", false), (Ids{'a', 257}));
}

TEST(Tokenizer, bos_is_the_default_for_sentencepiece_and_llama3_only) {
  EXPECT_TRUE(make_tokenizer(spm_metadata({}))->special().add_bos);
  EXPECT_TRUE(make_tokenizer(bpe_metadata("llama-bpe", {}))->special().add_bos);
  EXPECT_FALSE(make_tokenizer(bpe_metadata("gpt-2", {}))->special().add_bos);
  EXPECT_FALSE(make_tokenizer(bpe_metadata("qwen2", {}))->special().add_bos);
}

TEST(Tokenizer, sentencepiece_files_without_ids_use_the_usual_texts) {
  Metadata metadata = spm_metadata({});
  EXPECT_EQ(make_tokenizer(metadata)->special().bos, 1);
  EXPECT_EQ(make_tokenizer(metadata)->special().eos, 2);
  metadata.set_u32("tokenizer.ggml.bos_token_id", 4294967295u);
  EXPECT_EQ(make_tokenizer(metadata)->special().bos, -1);
  EXPECT_EQ(make_tokenizer(bpe_metadata("gpt-2", {}, {{"<s>", 3}}))->special().bos, -1);
}

TEST(Tokenizer, stop_ids_are_the_named_ones_and_well_known_control_tokens) {
  Metadata metadata = bpe_metadata(
      "qwen2", {}, {{"<e>", 3}, {"<t>", 3}, {"<m>", 3}, {"<|im_end|>", 3}, {"<|endoftext|>", 3}, {"<|end|>", 1}});
  metadata.set_u32("tokenizer.ggml.eos_token_id", 256);
  metadata.set_u32("tokenizer.ggml.eot_token_id", 257);
  metadata.set_u32("tokenizer.ggml.eom_token_id", 258);
  EXPECT_EQ(make_tokenizer(metadata)->special().stop_ids, (Ids{256, 257, 258, 259, 260}));
  metadata.set_u32("tokenizer.ggml.eos_token_id", 259);  // named twice, listed once
  metadata.set_u32("tokenizer.ggml.eot_token_id", 4294967295u);
  EXPECT_EQ(make_tokenizer(metadata)->special().stop_ids, (Ids{259, 258, 260}));
}

TEST(Tokenizer, white_space_beside_a_token_of_white_space_is_looked_through_once) {
  constexpr size_t kSpaces = 1'000'000;  // an hour, were the time quadratic
  for (const bool is_left : {true, false}) {
    const SpecialMatcher matcher({{" ", {.token = 7, .strips_left = is_left, .strips_right = !is_left}}});
    size_t n_matches = 0, n_bytes = 0;
    matcher.split(std::string(kSpaces, ' '), false, [&](std::string_view part, const MatchedToken* token) {
      n_matches += token != nullptr ? 1 : 0;
      if (n_matches == 1) n_bytes = part.size();
    });
    EXPECT_EQ(n_matches, kSpaces);  // as in the library `tokenizers`: matches are found before they grow
    EXPECT_EQ(n_bytes, is_left ? 1 : kSpaces);
  }
}

TEST(Tokenizer, a_match_of_nothing_but_white_space_that_is_taken_is_none) {
  const SpecialMatcher matcher({{"\n", {.token = 1, .strips_right = true}},
                                {" ", {.token = 2, .strips_left = true, .strips_right = true}},
                                {"\t", {.token = 3, .strips_left = true}}});
  const auto ids = [&](std::string_view text) {
    Ids found;
    matcher.split(text, false, [&](std::string_view, const MatchedToken* t) { found.push_back(t ? t->token : 0); });
    return found;
  };
  EXPECT_EQ(ids("x   y"), (Ids{0, 2, 0}));
  EXPECT_EQ(ids("\n\n x"), (Ids{1, 1, 0}));
  EXPECT_EQ(ids("\n\t\tx"), (Ids{1, 0}));
  EXPECT_EQ(ids("\t\tx"), (Ids{3, 3, 0}));
}

TEST(Tokenizer, special_ids_outside_the_vocabulary_are_refused) {
  for (const std::string key : {"bos", "eos", "eot", "eom", "unknown"}) {
    Metadata metadata = bpe_metadata("qwen2", {});
    metadata.set_u32("tokenizer.ggml." + key + "_token_id", 256);
    EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml." + key + "_token_id is 256, expected an id below 256");
  }
}

TEST(Tokenizer, token_types_are_told_from_the_texts_where_the_file_has_none) {
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "llama");
  metadata.set_strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "▁", "a", "<0x0A>"});
  const float scores[] = {0, 0, -1, -1, 0};
  metadata.set_f32s("tokenizer.ggml.scores", scores);
  metadata.set_u32("tokenizer.ggml.unknown_token_id", 0);
  metadata.set_u32("tokenizer.ggml.bos_token_id", 1);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_TRUE(tokenizer->is_control(1));
  EXPECT_EQ(tokenizer->encode("a\nb", false), (Ids{2, 3, 4, 0}));
}

TEST(Tokenizer, a_missing_or_unknown_tokenizer_is_refused) {
  EXPECT_EQ(load_error(Metadata("test.gguf")),
            "test.gguf: tokenizer.ggml.model is absent, so the file has no tokenizer");
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.tokens is absent, so the file has no tokenizer");
  metadata.set_strings("tokenizer.ggml.tokens", {});
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.tokens is empty, so the file has no tokenizer");
  metadata.set_string("tokenizer.ggml.model", "rwkv");
  EXPECT_EQ(load_error(metadata, ErrorCode::unsupported),
            "test.gguf: tokenizer.ggml.model 'rwkv' is not supported, expected gpt2, llama, bert or t5");
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  metadata.set_strings("tokenizer.ggml.tokens", {"a"});
  EXPECT_EQ(load_error(metadata),
            "test.gguf: tokenizer.ggml.merges is absent, expected the merges of a gpt2 vocabulary");
}

TEST(Tokenizer, arrays_that_disagree_with_the_tokens_are_refused) {
  Metadata metadata = spm_metadata({});
  const int32_t types[] = {1, 1};
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  EXPECT_EQ(load_error(metadata),
            "test.gguf: tokenizer.ggml.token_type has 2 entries, expected 259 as in tokenizer.ggml.tokens");
  metadata = spm_metadata({});
  const float scores[] = {0, 0, 0};
  metadata.set_f32s("tokenizer.ggml.scores", scores);
  EXPECT_EQ(load_error(metadata),
            "test.gguf: tokenizer.ggml.scores has 3 entries, expected 259 as in tokenizer.ggml.tokens");
  metadata.set_strings("tokenizer.ggml.scores", std::vector<std::string>(259));
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.scores is an array of string, expected numbers");
  EXPECT_EQ(load_error(spm_metadata({{"a", 7}})), "test.gguf: tokenizer.ggml.token_type[259] is 7, expected 0 to 6");
  EXPECT_EQ(load_error(spm_metadata({{"a", 1, std::nanf("")}})),
            "test.gguf: tokenizer.ggml.scores[259] is not a number");
}

}  // namespace
}  // namespace quandex
