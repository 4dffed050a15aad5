#include "text/qwen3c_vocabulary.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/hf_vocabulary.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

using testing::Ids;
using testing::read_file;

const std::string kFixture = QUANDEX_TEST_FIXTURES "/qwen3c/tiny.bin";
constexpr int kFixtureVocab = 640;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// A file, entry by entry.
class Image {
 public:
  Image& u32(uint32_t value) { return raw(&value, sizeof(value)); }
  Image& token(float score, std::string_view text) {
    raw(&score, sizeof(score)).u32(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  // The result of the merge of this rank.
  Image& merged(int rank, std::string_view text) { return token(static_cast<float>(-std::log(rank + 1.0)), text); }
  Image& letters(std::string_view letters) {
    for (const char& letter : letters) token(-1e6f, {&letter, 1});
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

  Metadata read(int n_vocab = 100) const {
    Metadata metadata("x");
    read_qwen3c_vocabulary(bytes_of(bytes_), "x.tokenizer", n_vocab, metadata);
    return metadata;
  }
  std::string refusal(int n_vocab = 100) const {
    try {
      read(n_vocab);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  Image& raw(const void* data, size_t n) {
    bytes_.append(static_cast<const char*>(data), n);
    return *this;
  }
  std::string bytes_;
};

Image image() { return Image().u32(8).u32(0).u32(1); }

Metadata metadata_of_fixture() {
  const nlohmann::json json = nlohmann::json::parse(read_file(QUANDEX_TEST_FIXTURES "/tokenizer_qwen2.json"));
  Metadata metadata("qwen2");
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  metadata.set_string("tokenizer.ggml.pre", "qwen2");
  metadata.set_strings("tokenizer.ggml.tokens", json.at("tokens"));
  metadata.set_i32s("tokenizer.ggml.token_type", json.at("types").get<Ids>());
  metadata.set_strings("tokenizer.ggml.merges", json.at("merges"));
  metadata.set_u32("tokenizer.ggml.bos_token_id", 604);
  metadata.set_u32("tokenizer.ggml.eos_token_id", 605);
  return metadata;
}

TEST(Qwen3cVocabulary, merges_follow_from_the_order_of_the_scores) {
  // Ids need not be in the order of ranks. "abc" is a + bc because bc comes first; "abab" is ab + ab.
  const Metadata metadata =
      image().letters("abc ").merged(3, "abab").merged(0, "bc").merged(2, "ab").merged(1, "abc").merged(4, " a").read();
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.merges"),
            (std::vector<std::string>{"b c", "a bc", "a b", "ab ab", "\xC4\xA0 a"}));
  EXPECT_EQ(metadata.strings("tokenizer.ggml.tokens")->at(3), "\xC4\xA0");
}

TEST(Qwen3cVocabulary, special_tokens_are_told_by_their_brackets_and_the_rest_of_the_embedding_is_unused) {
  const Metadata metadata =
      image().letters("ab").merged(0, "ab").token(-1e6f, "<|x|>").token(-1e6f, "<think>").token(-1e6f, "ba").read(8);
  EXPECT_EQ(metadata.string("tokenizer.ggml.pre"), "qwen2");
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.tokens"),
            (std::vector<std::string>{"a", "b", "ab", "<|x|>", "<think>", "ba", "[PAD6]", "[PAD7]"}));
  const Ids expected = {1, 1, 1, 3, 4, 1, 5, 5};
  for (size_t id = 0; id < expected.size(); ++id)
    EXPECT_EQ(metadata.array("tokenizer.ggml.token_type")->integer(id), expected[id]) << id;
  EXPECT_EQ(metadata.integer("tokenizer.ggml.bos_token_id"), 0);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.eos_token_id"), 1);
}

TEST(Qwen3cVocabulary, what_no_merges_can_have_made_is_refused_by_token) {
  EXPECT_EQ(
      image().letters("abc").merged(0, "abc").refusal(),
      "x.tokenizer: token 3 of 3 bytes and score -0 becomes 3 pieces by the merges before its own, expected 2 known "
      "ones");
  EXPECT_NE(image().letters("ab").merged(0, "ab").merged(1, "ab").refusal().find("token 3"), std::string::npos);
  EXPECT_NE(image().letters("ab").merged(0, "ax").refusal().find("token 2"), std::string::npos);
  EXPECT_NE(image().letters("ab").merged(0, "").refusal().find("0 pieces"), std::string::npos);
  EXPECT_EQ(image().letters("ab").merged(3, "ab").merged(3, "ba").refusal(),
            "x.tokenizer: tokens 2 and 3 have the same score -1.3862944, expected one for each merge");
}

TEST(Qwen3cVocabulary, wrong_numbers_are_refused_by_name) {
  EXPECT_NE(image().token(0.5f, "a").refusal().find("token 0 has score 0.5"), std::string::npos);
  EXPECT_NE(image().token(NAN, "a").refusal().find("token 0 has score nan"), std::string::npos);
  EXPECT_NE(image().letters("a").refusal().find("EOS is 1, the file has 1 tokens"), std::string::npos);
  EXPECT_NE(image().letters("abc").refusal(2).find("more than the 2 tokens of the checkpoint"), std::string::npos);
  EXPECT_NE(Image().u32(1).u32(2).refusal().find("EOS id at byte 8 needs 4 bytes"), std::string::npos);
  EXPECT_NE(image().letters("ab").u32(0).u32(0xFFFFFFFF).refusal().find("needs 4294967295 bytes"), std::string::npos);
}

TEST(Qwen3cVocabulary, is_written_as_an_independent_exporter_writes_it) {
  EXPECT_EQ(qwen3c_vocabulary_bytes(metadata_of_fixture()), read_file(kFixture + ".tokenizer"));
}

TEST(Qwen3cVocabulary, a_file_comes_back_from_its_metadata) {
  const std::string file = read_file(kFixture + ".tokenizer");
  Metadata metadata("x");
  read_qwen3c_vocabulary(bytes_of(file), "x", kFixtureVocab, metadata);
  EXPECT_EQ(qwen3c_vocabulary_bytes(metadata), file);
}

TEST(Qwen3cVocabulary, gives_the_ids_of_the_original_merges) {
  const std::string file = read_file(kFixture + ".tokenizer");
  Metadata metadata("x");
  read_qwen3c_vocabulary(bytes_of(file), "x", kFixtureVocab, metadata);
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.merges"), *metadata_of_fixture().strings("tokenizer.ggml.merges"));
  const auto tokenizer = make_tokenizer(metadata);
  const nlohmann::json json = nlohmann::json::parse(read_file(QUANDEX_TEST_FIXTURES "/tokenizer_qwen2.json"));
  for (const nlohmann::json& entry : json.at("cases")) {
    const std::string text = entry.at(0);
    const Ids parsed = entry.at(1), plain = entry.size() > 2 ? entry.at(2).get<Ids>() : parsed;
    EXPECT_EQ(tokenizer->encode(text, true), parsed) << entry.at(0);
    EXPECT_EQ(tokenizer->encode(text, false), plain) << entry.at(0);
    EXPECT_EQ(tokenizer->decode(parsed, true), text);
  }
}

TEST(Qwen3cVocabulary, vocabularies_that_would_not_come_back_are_refused) {
  const auto refusal = [](const auto& change) -> std::string {
    Metadata metadata = metadata_of_fixture();
    change(metadata);
    try {
      qwen3c_vocabulary_bytes(metadata);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal([](Metadata& m) { m.set_string("tokenizer.ggml.pre", "llama-bpe"); }),
            "qwen2: tokenizer.ggml.pre is 'llama-bpe', but vocabularies of qwen3.c are always 'qwen2'");
  EXPECT_NE(refusal([](Metadata& m) { m.set_string("tokenizer.ggml.model", "llama"); }), "");
  // Without the first merge, what it makes no longer falls into two pieces.
  EXPECT_NE(refusal([](Metadata& m) {
              auto merges = *m.strings("tokenizer.ggml.merges");
              merges.erase(merges.begin());
              m.set_strings("tokenizer.ggml.merges", merges);
            }).find("cannot be written for qwen3.c"),
            std::string::npos);
  // Two merges with one result: only one rank can be stored.
  EXPECT_NE(refusal([](Metadata& m) {
              auto merges = *m.strings("tokenizer.ggml.merges");
              merges.push_back(merges.back());
              m.set_strings("tokenizer.ggml.merges", merges);
            }),
            "");
}

TEST(Qwen3cVocabulary, cut_short_anywhere_or_with_any_bit_flipped_it_is_read_or_refused) {
  const std::string file = read_file(kFixture + ".tokenizer").substr(0, 3600);
  const auto is_read = [](std::string_view bytes) {
    Metadata metadata("x");
    try {
      read_qwen3c_vocabulary(bytes_of(bytes), "x", kFixtureVocab, metadata);
    } catch (const Error&) {
      return false;
    }
    EXPECT_EQ(Vocabulary(metadata).size(), kFixtureVocab);  // whatever was read makes sense
    return true;
  };
  int n_read = 0;
  for (size_t n = 0; n < file.size(); ++n) {
    Metadata metadata("x");
    try {
      read_qwen3c_vocabulary(bytes_of(std::string_view(file).substr(0, n)), "x", kFixtureVocab, metadata);
      ++n_read;
    } catch (const Error&) {
    }
  }
  EXPECT_EQ(n_read, 0);  // BOS and EOS are among the last tokens
  std::string whole = read_file(kFixture + ".tokenizer");
  ASSERT_TRUE(is_read(whole));
  for (size_t bit = 0; bit < whole.size() * 8; bit += 41) {
    const auto flip = static_cast<char>(1 << (bit % 8));
    whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ flip);
    is_read(whole);
    whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ flip);
  }
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "quandex_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

TEST(Qwen3cTemplates, a_qwen3_model_gets_the_vocabulary_and_four_templates_that_are_known_again) {
  const TemporaryFolder folder;
  Metadata metadata = metadata_of_fixture();
  metadata.set_string("tokenizer.chat_template", "<|im_start|> <|im_end|> {% if enable_thinking %}<think>");
  const auto written = write_qwen3c_companions(folder / "m.bin", metadata);
  ASSERT_EQ(written.size(), 5u);
  EXPECT_EQ(written[0], folder / "m.bin.tokenizer");
  EXPECT_EQ(read_file(folder / "m.bin.tokenizer"), read_file(kFixture + ".tokenizer"));
  EXPECT_EQ(std::filesystem::file_size(folder / "m.bin.template"), 71u);
  EXPECT_EQ(std::filesystem::file_size(folder / "m.bin.template.with-thinking"), 52u);
  EXPECT_EQ(std::filesystem::file_size(folder / "m.bin.template.with-system"), 103u);
  EXPECT_EQ(std::filesystem::file_size(folder / "m.bin.template.with-system-and-thinking"), 84u);
  Metadata back("back");
  read_qwen3c_templates(folder / "m.bin", back);
  EXPECT_EQ(back.string("quandex.template.family"), "qwen3");
  EXPECT_EQ(back.string("quandex.template.thinking"), "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n");
}

TEST(Qwen3cTemplates, a_model_of_another_family_gets_none_and_other_texts_are_kept_as_they_are) {
  const TemporaryFolder folder;
  Metadata metadata = metadata_of_fixture();
  metadata.set_string("tokenizer.chat_template", "<|im_start|> <|im_end|>");
  EXPECT_EQ(write_qwen3c_companions(folder / "a.bin", metadata).size(), 1u);
  metadata.set_string("quandex.template.plain", "[%s]");
  EXPECT_EQ(write_qwen3c_companions(folder / "b.bin", metadata).size(), 2u);
  Metadata back("back");
  read_qwen3c_templates(folder / "b.bin", back);
  EXPECT_EQ(back.string("quandex.template.plain"), "[%s]");
  EXPECT_FALSE(back.has("quandex.template.family"));
  EXPECT_FALSE(back.has("quandex.template.system"));
}

TEST(Qwen3cTemplates, a_template_that_is_no_text_is_refused) {
  const TemporaryFolder folder;
  std::ofstream(folder / "m.bin.template") << "\xFF%s";
  Metadata metadata("x");
  EXPECT_THROW(read_qwen3c_templates(folder / "m.bin", metadata), Error);
}

TEST(Qwen3cSharedData, all_merges_of_qwen3_come_back_from_the_scores) {
  const std::filesystem::path path = QUANDEX_SHARED_DATA "/tokenizers/qwen3-assembled/tokenizer.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << path;
  Metadata original("tokenizer.json");
  add_hf_vocabulary(path.parent_path(), 0, original);
  const std::string file = qwen3c_vocabulary_bytes(original);
  Metadata metadata("x");
  read_qwen3c_vocabulary(bytes_of(file), "x", 151936, metadata);
  EXPECT_EQ(metadata.strings("tokenizer.ggml.merges")->size(), 151387u);
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.merges"), *original.strings("tokenizer.ggml.merges"));
  const auto& tokens = *original.strings("tokenizer.ggml.tokens");
  const auto& back = *metadata.strings("tokenizer.ggml.tokens");
  ASSERT_EQ(back.size(), 151936u);
  EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), back.begin()));
}

}  // namespace
}  // namespace quandex
