// Small vocabularies that tools/make_tokenizer_fixtures.py trained, and the ids that the package `tokenizers` gives.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

using testing::Ids;

class TokenizerFixture : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerFixture, gives_the_ids_of_the_reference) {
  const nlohmann::json json = nlohmann::json::parse(
      testing::read_file(std::string(QUANDEX_TEST_FIXTURES "/tokenizer_") + GetParam() + ".json"));
  Metadata metadata(GetParam());
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  metadata.set_string("tokenizer.ggml.pre", json.at("pre"));
  metadata.set_strings("tokenizer.ggml.tokens", json.at("tokens"));
  metadata.set_i32s("tokenizer.ggml.token_type", json.at("types").get<Ids>());
  metadata.set_strings("tokenizer.ggml.merges", json.at("merges"));
  const auto tokenizer = make_tokenizer(metadata);
  ASSERT_GT(json.at("cases").size(), 500u);
  for (const nlohmann::json& entry : json.at("cases")) {
    const std::string text = entry.at(0);
    const Ids parsed = entry.at(1), plain = entry.size() > 2 ? entry.at(2).get<Ids>() : parsed;
    EXPECT_EQ(tokenizer->encode(text, true), parsed) << entry.at(0);
    EXPECT_EQ(tokenizer->encode(text, false), plain) << entry.at(0);
    EXPECT_EQ(tokenizer->decode(parsed, true), text);
    EXPECT_EQ(tokenizer->decode(plain, true), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Trained, TokenizerFixture, ::testing::Values("qwen2", "llama_bpe"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace quandex
