#include "text/llama2c_vocabulary.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

using testing::Ids;
using testing::read_file;

const std::filesystem::path kFolder = QUANDEX_TEST_FIXTURES "/llama2c";

Metadata read(std::string_view file, int n_vocab) {
  Metadata metadata("x");
  read_llama2c_vocabulary(std::as_bytes(std::span(file)), "x", n_vocab, metadata);
  return metadata;
}

std::string refusal(std::string_view file, int n_vocab) {
  try {
    read(file, n_vocab);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

int count_tokens(const nlohmann::json& facts) { return facts.at("shape").at(1); }

TEST(Llama2cVocabulary, gives_the_ids_of_an_independent_encoder) {
  const nlohmann::json facts = nlohmann::json::parse(read_file(kFolder / "tiny.json"));
  const auto tokenizer = make_tokenizer(read(read_file(kFolder / "tiny.tokenizer.bin"), count_tokens(facts)));
  for (const nlohmann::json& entry : facts.at("prompts"))
    EXPECT_EQ(tokenizer->encode_prompt(entry.at(0).get<std::string>(), false), entry.at(1).get<Ids>()) << entry.at(0);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode_prompt("the cat sat", false), false), "the cat sat");
  EXPECT_EQ(tokenizer->special().bos, 1);
  EXPECT_EQ(tokenizer->special().eos, 2);
  EXPECT_EQ(tokenizer->token_text(1), "<s>");
}

TEST(Llama2cVocabulary, bytes_are_told_by_their_spelling) {
  std::string file(4, '\0');
  const auto add = [&](std::string_view token) {
    file += std::string(4, '\0') + static_cast<char>(token.size()) + std::string(3, '\0') + std::string(token);
  };
  for (const char* const token : {"<unk>", "\n<s>\n", "\n</s>\n", "<0x0A>", "a b", ""}) add(token);
  const Metadata metadata = read(file, 6);
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.tokens"), (std::vector<std::string>{"<unk>", "<s>", "</s>", "<0x0A>",
                                                                                  "a\xE2\x96\x81"
                                                                                  "b",
                                                                                  ""}));
  const Ids types = {2, 3, 3, 6, 1, 5};
  for (size_t id = 0; id < types.size(); ++id)
    EXPECT_EQ(metadata.array("tokenizer.ggml.token_type")->integer(id), types[id]) << id;
}

TEST(Llama2cVocabulary, must_hold_exactly_the_tokens_of_the_checkpoint) {
  const nlohmann::json facts = nlohmann::json::parse(read_file(kFolder / "tiny.json"));
  const int n_vocab = count_tokens(facts);
  const std::string file = read_file(kFolder / "tiny.tokenizer.bin");
  EXPECT_NE(refusal(file, n_vocab - 1).find("they do not belong together"), std::string::npos);
  EXPECT_NE(refusal(file, n_vocab + 1), "");
  EXPECT_EQ(refusal(file, 1'000'000),
            fmt::format("x: {} bytes cannot hold the 1000000 tokens of the checkpoint", file.size()));
  for (size_t n = 0; n < file.size(); ++n) ASSERT_NE(refusal(file.substr(0, n), n_vocab), "") << n;
}

TEST(Llama2cVocabulary, with_any_bit_flipped_it_is_read_or_refused) {
  const nlohmann::json facts = nlohmann::json::parse(read_file(kFolder / "tiny.json"));
  std::string file = read_file(kFolder / "tiny.tokenizer.bin");
  int n_read = 0;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    const auto flip = static_cast<char>(1 << (bit % 8));
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ flip);
    try {
      const auto tokenizer = make_tokenizer(read(file, count_tokens(facts)));
      (void)tokenizer->encode("the cat", false);
      ++n_read;
    } catch (const Error&) {
    }
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ flip);
  }
  EXPECT_GT(n_read, 0);  // scores may have other values
}

TEST(Llama2cVocabulary, is_found_beside_the_checkpoint_the_nearest_name_first) {
  EXPECT_EQ(find_llama2c_vocabulary(kFolder / "tiny.bin", 97), kFolder / "tiny.tokenizer.bin");
  EXPECT_EQ(find_llama2c_vocabulary(kFolder / "other.bin", 97), std::nullopt);
}

TEST(Llama2cSharedData, the_vocabulary_of_stories260K_is_that_of_its_gguf) {
  const std::filesystem::path folder = QUANDEX_SHARED_DATA "/models/stories260K";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs " << folder;
  const auto path = find_llama2c_vocabulary(folder / "stories260K.bin", 512);
  ASSERT_EQ(path, folder / "tok512.bin");
  const auto ours = make_tokenizer(read(read_file(*path), 512));
  const GgufFile gguf(folder / "stories260K.gguf");
  const auto theirs = make_tokenizer(gguf.metadata());
  for (const char* const text : {"Once upon a time", "  two  spaces\n", "naïve 海 \x01", ""})
    EXPECT_EQ(ours->encode_prompt(text, false), theirs->encode_prompt(text, false)) << text;
}

}  // namespace
}  // namespace quandex
