// Folders that tools/make_hf_tokenizer_fixtures.py made, and the ids that `tokenizers` and SentencePiece give.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/hf_vocabulary.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

using testing::Ids;

const std::filesystem::path kFolders = QUANDEX_TEST_FIXTURES "/hf_tokenizers";

Metadata read_folder(const std::string& name) {
  Metadata metadata(name);
  add_hf_vocabulary(kFolders / name, 0, metadata);
  return metadata;
}

// Merges by score alone, as readers do that know only GGUF's own keys.
Metadata without_ranks(const Metadata& metadata) {
  Metadata scored(std::string(metadata.source()));
  for (const auto& [key, value] : metadata.entries())
    if (key != "quandex.tokenizer.merges_by_rank" && key != "tokenizer.ggml.merges") scored.set(key, value);
  return scored;
}

class HfFixture : public ::testing::TestWithParam<const char*> {};

Ids ids_or(const Json& entry, const char* key, const Ids& otherwise) {
  return entry.contains(key) ? entry[key].get<Ids>() : otherwise;
}

void check_cases(const Tokenizer& tokenizer, const Json& cases) {
  for (const Json& entry : cases) {
    const std::string text = entry.at("text");
    const Ids as_text = ids_or(entry, entry.contains("as_text") ? "as_text" : "ids", {});
    const Ids ids = ids_or(entry, "ids", as_text);
    EXPECT_EQ(tokenizer.encode(text, false), as_text) << entry["text"];
    if (entry.contains("ids")) {
      EXPECT_EQ(tokenizer.encode(text, true), ids) << entry["text"];
    }
    if (entry.contains("prompt")) {
      EXPECT_EQ(tokenizer.encode_prompt(text, true), entry["prompt"].get<Ids>()) << entry["text"];
    }
    const std::string decoded = tokenizer.decode(ids, false);
    if (!entry.contains("decoded") || !entry["decoded"].is_null()) {
      EXPECT_EQ(to_valid_utf8(decoded), entry.contains("decoded") ? entry["decoded"].get<std::string>() : text);
    }
    Detokenizer detokenizer(tokenizer, {}, false, true);
    std::string streamed;
    for (const int32_t id : ids) streamed += detokenizer.push(id);
    streamed += detokenizer.finish();
    EXPECT_EQ(streamed, to_valid_utf8(decoded));
  }
}

TEST_P(HfFixture, gives_the_ids_of_the_reference) {
  const auto tokenizer = make_tokenizer(read_folder(GetParam()));
  const Json vectors = read_json_file(kFolders / GetParam() / "vectors.json");
  ASSERT_GT(vectors.at("cases").size(), 150u);
  check_cases(*tokenizer, vectors.at("cases"));
}

INSTANTIATE_TEST_SUITE_P(Folders, HfFixture,
                         ::testing::Values("gpt2", "qwen2", "llama3", "smollm", "tekken", "gpt4o", "llama2",
                                           "llama2_trained", "phi3", "metaspace_first", "metaspace_always",
                                           "metaspace_never", "gemma", "sentencepiece", "sentencepiece_no_prefix",
                                           // Of stages that GGUF's keys do not express, or of other models.
                                           "neox", "roberta", "command_r", "deepseek_llm", "deepseek_v3", "bloom",
                                           "template", "normalized", "clip", "gpt1", "subword_prefix", "half_bytes",
                                           "wordpiece", "single_word", "wordpiece_short", "word_level", "unigram",
                                           "unigram_bytes", "albert", "precompiled", "sentencepiece_unigram",
                                           "sentencepiece_unigram_bytes"),
                         [](const auto& info) { return std::string(info.param); });

TEST(HfVocabulary, scores_alone_give_the_same_ids_where_all_splits_are_merges) {
  for (const std::string name : {"llama2", "gemma"}) {
    const Metadata metadata = read_folder(name);
    ASSERT_TRUE(metadata.boolean("quandex.tokenizer.merges_by_rank", false));
    check_cases(*make_tokenizer(without_ranks(metadata)), read_json_file(kFolders / name / "vectors.json").at("cases"));
  }
}

}  // namespace
}  // namespace quandex
