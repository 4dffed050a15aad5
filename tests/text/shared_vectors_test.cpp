// Vocabularies of real models with the ids that llama.cpp gives (../shared/data/tokenizers); skipped where that folder
// is absent.
#include <gtest/gtest.h>

#include <sstream>

#include "format/gguf.h"
#include "text/hf_vocabulary.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

using testing::Ids;

const std::filesystem::path kFolder = QUANDEX_SHARED_DATA "/tokenizers";

struct Vector {
  std::string text;
  Ids ids;
};

std::vector<Vector> read_vectors(const std::string& name) {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string texts = testing::read_file(kFolder / "vocab" / (name + ".gguf.inp"));
  std::istringstream lines(testing::read_file(kFolder / "vocab" / (name + ".gguf.out")));
  std::vector<Vector> vectors;
  size_t done = 0;
  for (size_t at; (at = texts.find(kSeparator, done)) != std::string::npos; done = at + kSeparator.size()) {
    Vector vector{texts.substr(done, at - done), {}};
    std::string line;
    std::getline(lines, line);
    std::istringstream numbers(line);
    for (int32_t id; numbers >> id;) vector.ids.push_back(id);
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

struct Case {
  std::string vectors;  // ggml-vocab-<this>
  std::string json;     // folder of a tokenizer.json; empty: the GGUF next to the vectors
  std::string pre;
};

Metadata read_folder(const std::filesystem::path& folder, const std::string& pre) {
  Metadata metadata(folder.string());
  add_hf_vocabulary(folder, 0, metadata);
  EXPECT_EQ(metadata.string("tokenizer.ggml.pre"), pre);
  return metadata;
}

class SharedVectors : public ::testing::TestWithParam<Case> {};

TEST_P(SharedVectors, give_the_ids_of_the_reference) {
  const Case& test = GetParam();
  const std::string name = "ggml-vocab-" + test.vectors;
  const auto path = test.json.empty() ? kFolder / "vocab" / (name + ".gguf") : kFolder / test.json / "tokenizer.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto tokenizer =
      make_tokenizer(test.json.empty() ? GgufFile(path).metadata() : read_folder(path.parent_path(), test.pre));
  const std::vector<Vector> vectors = read_vectors(name);
  ASSERT_EQ(vectors.size(), 46u);
  for (const Vector& vector : vectors) {
    EXPECT_EQ(tokenizer->encode(vector.text, false), vector.ids) << "'" << vector.text << "'";
    EXPECT_EQ(tokenizer->decode(vector.ids, false), vector.text);
  }
}

INSTANTIATE_TEST_SUITE_P(Real, SharedVectors,
                         ::testing::Values(Case{"gpt-2", "", ""}, Case{"llama-spm", "", ""}, Case{"phi-3", "", ""},
                                           Case{"falcon", "", ""}, Case{"starcoder", "", ""},
                                           Case{"qwen2", "qwen3-assembled", "qwen2"},
                                           Case{"llama-bpe", "llama3.2-assembled", "llama-bpe"},
                                           Case{"gpt-2", "gpt2", "gpt-2"}),
                         [](const auto& info) {
                           std::string name = info.param.vectors + (info.param.json.empty() ? "_gguf" : "_json");
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(SharedFolders, smollm2_is_read_with_its_special_tokens_and_template) {
  const auto folder = kFolder / "smollm2-360m-instruct";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const Metadata metadata = read_folder(folder, "smollm");
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(tokenizer->encode("<|im_start|>user\nHello 12<|im_end|>", true),
            (Ids{1, 4093, 198, 19556, 216, 33, 34, 2}));
  EXPECT_EQ(tokenizer->special().eos, 2);
  EXPECT_FALSE(tokenizer->special().add_bos);
  EXPECT_EQ(metadata.integer("tokenizer.ggml.padding_token_id"), 49152);
  EXPECT_TRUE(metadata.string("tokenizer.chat_template").starts_with("{% for message in messages %}"));
}

}  // namespace
}  // namespace quandex
