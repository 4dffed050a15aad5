// A real trained model, where the folder of test data is there: greedy texts that llama2.c made in float32.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "backend/backends.h"
#include "base/file_map.h"
#include "engine/engine.h"
#include "format/gguf.h"
#include "format/llama2c.h"
#include "model/load.h"
#include "text/detokenizer.h"
#include "text/llama2c_vocabulary.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(QUANDEX_SHARED_DATA) / "models" / "stories260K";

struct Story {
  std::string prompt, text;  // the text begins with the prompt
};

Story read_story(int index) {
  std::ifstream file(kFolder / fmt::format("expected_greedy_256_{}.txt", index));
  std::string heading;
  std::getline(file, heading);
  const std::string mark = "# prompt: ";
  EXPECT_TRUE(heading.starts_with(mark)) << heading;
  Story story{heading.substr(mark.size()), std::string(std::istreambuf_iterator<char>(file), {})};
  if (story.text.ends_with('\n')) story.text.pop_back();
  return story;
}

// 256 tokens after BOS, prompt included; a BOS of the model's own ends the text early.
std::string tell(Engine& engine, const Tokenizer& tokenizer, const std::string& prompt) {
  Request request;
  request.prompt = tokenizer.encode_prompt(prompt, false);
  request.max_tokens = 257 - static_cast<int>(request.prompt.size());
  request.stop_ids = {tokenizer.special().bos};
  std::vector<int32_t> ids = request.prompt;
  engine.generate({&request, 1}, [&](size_t, const Event& event) {
    if (const auto* token = std::get_if<Token>(&event)) ids.push_back(token->id);
    if (const auto* error = std::get_if<Error>(&event)) ADD_FAILURE() << error->what();
    return true;
  });
  ids.erase(ids.begin());  // BOS
  return tokenizer.decode(ids, false);
}

void expect_the_stories(Backend& backend, const Metadata& metadata, const WeightSource& weights) {
  const auto tokenizer = make_tokenizer(metadata);
  Engine engine(load_model(read_config(metadata, weights), weights, backend), backend, {.kv_type = DType::f32});
  for (int i = 1; i <= 6; ++i) {
    const Story story = read_story(i);
    EXPECT_EQ(tell(engine, *tokenizer, story.prompt), story.text) << "story " << i;
  }
}

void expect_the_stories(Backend& backend) {
  const GgufFile file(kFolder / "stories260K.gguf");
  expect_the_stories(backend, file.metadata(), file);
}

TEST(Stories260K, reference_tells_the_stories_of_llama2_c) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "needs " << kFolder;
  expect_the_stories(*make_reference_backend());
}

TEST(Stories260K, cpu_tells_the_stories_of_llama2_c_at_every_level) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "needs " << kFolder;
  for (const IsaLevel level : supported_isa_levels()) {
    ThreadPool pool(1);
    SCOPED_TRACE(isa_name(level));
    expect_the_stories(*make_cpu_backend(pool, {.isa = level}));
  }
}

TEST(Stories260K, the_checkpoint_of_llama2_c_tells_them_too) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "needs " << kFolder;
  const std::filesystem::path path = kFolder / "stories260K.bin";
  const Llama2cFile file(path);
  Metadata metadata = file.metadata();
  const int n_vocab = file.header().vocab;
  const auto vocabulary = find_llama2c_vocabulary(path, n_vocab);
  ASSERT_TRUE(vocabulary.has_value());
  read_llama2c_vocabulary(MappedFile(*vocabulary).bytes(), vocabulary->string(), n_vocab, metadata);
  ThreadPool pool(1);
  expect_the_stories(*make_cpu_backend(pool, {}), metadata, file);
}

}  // namespace
}  // namespace quandex
