// The model in models/: within its promised size, and saying what it said when it was made, on every backend.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "backend/backends.h"
#include "engine/engine.h"
#include "format/gguf.h"
#include "model/load.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

const std::filesystem::path kModels = QUANDEX_MODELS;

std::string continue_greedily(const std::string& file_name, const std::string& prompt, int n_tokens, Backend& backend) {
  const GgufFile file(kModels / file_name);
  const auto tokenizer = make_tokenizer(file.metadata());
  Engine engine(load_model(read_config(file.metadata(), file), file, backend), backend,
                {.n_ctx = 64, .kv_type = DType::f32});
  Request request;
  request.prompt = tokenizer->encode_prompt(prompt, true);
  request.max_tokens = n_tokens;
  std::vector<int32_t> ids;
  engine.generate({&request, 1}, [&](size_t, const Event& event) {
    if (const auto* token = std::get_if<Token>(&event)) ids.push_back(token->id);
    return true;
  });
  return tokenizer->decode(ids, false);
}

TEST(BundledModel, files_keep_their_size_limits) {
  EXPECT_LE(std::filesystem::file_size(kModels / "quandex-tiny.gguf"), 20'000'000u);
  EXPECT_LE(std::filesystem::file_size(kModels / "quandex-tiny-f16.gguf"), 36'000'000u);
}

TEST(BundledModel, begins_a_story_alike_on_reference_and_cpu) {
  const std::string on_reference =
      continue_greedily("quandex-tiny.gguf", "Once upon a time", 8, *make_reference_backend());
  EXPECT_TRUE(on_reference.starts_with(", there was a")) << on_reference;
  for (const IsaLevel level : supported_isa_levels()) {
    ThreadPool pool(1);
    const auto cpu = make_cpu_backend(pool, {.isa = level, .exact_activations = true});
    EXPECT_EQ(continue_greedily("quandex-tiny.gguf", "Once upon a time", 8, *cpu), on_reference) << isa_name(level);
  }
}

TEST(BundledModel, says_its_name_in_a_chat) {
  ThreadPool pool(1);
  const std::string chat = "<|im_start|>user\nWhat is your name?<|im_end|>\n<|im_start|>assistant\n";
  for (const std::string file_name : {"quandex-tiny.gguf", "quandex-tiny-f16.gguf"}) {
    const auto cpu = make_cpu_backend(pool, {.isa = {}, .exact_activations = true});
    const std::string answer = continue_greedily(file_name, chat, 8, *cpu);
    EXPECT_NE(answer.find("Quandex"), std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace quandex
