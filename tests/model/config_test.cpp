#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/load.h"
#include "support/memory_weights.h"

namespace quandex {
namespace {

// What read_config says when `spoil` has been done to a good checkpoint; empty where it says nothing.
std::string complaint(const std::string& architecture, const std::function<void(TinyCheckpoint&)>& spoil) {
  const auto tiny = make_tiny_checkpoint(architecture);
  spoil(*tiny);
  try {
    read_config(tiny->metadata, tiny->weights);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Config, reads_what_the_file_says) {
  const auto tiny = make_tiny_checkpoint("qwen3");
  const ModelConfig config = read_config(tiny->metadata, tiny->weights);
  EXPECT_EQ(config.dim, 64);
  EXPECT_EQ(config.vocab, 97);
  EXPECT_EQ(config.layers.size(), 2u);
  EXPECT_EQ(config.heads(), (HeadShape{4, 2, 32}));
  EXPECT_TRUE(config.has_qk_norm);
  EXPECT_FALSE(config.storage.qk_rows_interleaved);
  EXPECT_FALSE(config.tied_head);
  EXPECT_EQ(config.ropes.at(0).dims, 32);
}

TEST(Config, a_missing_output_matrix_means_a_tied_head) {
  const auto tiny = make_tiny_checkpoint("llama");
  tiny->weights.remove("output.weight");
  const ModelConfig config = read_config(tiny->metadata, tiny->weights);
  EXPECT_TRUE(config.tied_head);
  EXPECT_TRUE(config.storage.qk_rows_interleaved);
}

TEST(Config, unknown_architectures_are_refused_with_the_nearest) {
  const std::string text =
      complaint("llama", [](TinyCheckpoint& t) { t.metadata.set_string("general.architecture", "lama"); });
  EXPECT_NE(text.find("\"lama\""), std::string::npos) << text;
  EXPECT_NE(text.find("nearest: llama"), std::string::npos) << text;
}

TEST(Config, absurd_and_missing_values_name_the_key) {
  const auto expect = [](const std::string& key, const std::function<void(Metadata&)>& spoil) {
    const std::string text = complaint("llama", [&](TinyCheckpoint& t) { spoil(t.metadata); });
    EXPECT_NE(text.find(key), std::string::npos) << key << ": " << text;
  };
  expect("llama.block_count", [](Metadata& m) { m.set_u32("llama.block_count", 0); });
  expect("llama.block_count", [](Metadata& m) { m.set_u32("llama.block_count", 4294967295u); });
  expect("llama.embedding_length", [](Metadata& m) { m.set_string("llama.embedding_length", "many"); });
  expect("llama.attention.layer_norm_rms_epsilon",
         [](Metadata& m) { m.set_f32("llama.attention.layer_norm_rms_epsilon", NAN); });
  expect("llama.attention.layer_norm_rms_epsilon",
         [](Metadata& m) { m.set_f32("llama.attention.layer_norm_rms_epsilon", -1); });
  expect("llama.rope.dimension_count", [](Metadata& m) { m.set_u32("llama.rope.dimension_count", 31); });
  expect("llama.rope.scaling.type", [](Metadata& m) { m.set_string("llama.rope.scaling.type", "spiral"); });
  expect("llama.rope.scaling.factor", [](Metadata& m) { m.set_string("llama.rope.scaling.type", "yarn"); });
  expect("rope_factors_short.weight", [](Metadata& m) {
    m.set_string("llama.rope.scaling.type", "longrope");
    m.set_u32("llama.rope.scaling.original_context_length", 128);
  });
  expect("llama.expert_used_count", [](Metadata& m) { m.set_u32("llama.expert_count", 8); });
  expect("llama.expert_used_count", [](Metadata& m) {
    m.set_u32("llama.expert_count", 8);
    m.set_u32("llama.expert_used_count", 9);
  });
  expect("llama.expert_shared_count", [](Metadata& m) { m.set_u32("llama.expert_shared_count", 1); });
  expect("quandex.attention.windows",
         [](Metadata& m) { m.set_i32s("quandex.attention.windows", std::vector<int32_t>{16}); });
  expect("llama.block_count is an array of string",
         [](Metadata& m) { m.set_strings("llama.block_count", {"two", "three"}); });
  expect("llama.attention.value_length", [](Metadata& m) { m.set_u32("llama.attention.value_length", 16); });
  expect("key/value heads", [](Metadata& m) { m.set_u32("llama.attention.head_count_kv", 3); });
}

TEST(Config, a_tokenizer_of_another_size_is_refused) {
  const std::string text =
      complaint("llama", [](TinyCheckpoint& t) { t.metadata.set_strings("tokenizer.ggml.tokens", {"a", "b"}); });
  EXPECT_NE(text.find("2 tokens"), std::string::npos) << text;
  EXPECT_NE(text.find("97 rows"), std::string::npos) << text;
}

}  // namespace
}  // namespace quandex
