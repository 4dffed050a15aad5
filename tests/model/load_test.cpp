#include "model/load.h"

#include <gtest/gtest.h>

#include <string>

#include "backend/backends.h"
#include "base/error.h"
#include "model/rope.h"
#include "support/memory_weights.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

std::string load_complaint(TinyCheckpoint& tiny) {
  const auto backend = make_reference_backend();
  try {
    load_model(read_config(tiny.metadata, tiny.weights), tiny.weights, *backend);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(backend->allocated_bytes(), 0u) << "uploaded before the shape check had passed";
    return error.what();
  }
}

TEST(Load, missing_tensors_and_wrong_shapes_are_named_before_any_upload) {
  auto tiny = make_tiny_checkpoint("llama");
  tiny->weights.remove("blk.1.ffn_up.weight");
  EXPECT_NE(load_complaint(*tiny).find("blk.1.ffn_up.weight is missing"), std::string::npos);

  tiny = make_tiny_checkpoint("llama");
  tiny->weights.add_random("blk.1.attn_k.weight", {64, 32}, 1);
  const std::string text = load_complaint(*tiny);
  EXPECT_NE(text.find("blk.1.attn_k.weight has shape [64, 32], expected [64, 64]"), std::string::npos) << text;
}

TEST(Load, unused_tensors_are_listed) {
  const auto tiny = make_tiny_checkpoint("qwen3");
  tiny->weights.add_random("blk.0.mystery.weight", {3}, 1);
  const ModelConfig config = read_config(tiny->metadata, tiny->weights);
  tiny->weights.add_random("blk.0.attn_rot_embd.weight", {16}, 1);
  const UnusedTensors unused = unused_tensors(config, tiny->weights);
  EXPECT_EQ(unused.unexplained, std::vector<std::string>{"blk.0.mystery.weight"});
  EXPECT_EQ(unused.harmless, std::vector<std::string>{"blk.0.attn_rot_embd.weight"});
}

// Mixing types inside q|k|v must give what each matrix gives on its own, which q8_0 values stored as f32 also give.
TEST(Load, stacks_of_mixed_types_equal_the_same_values_in_one_type) {
  const auto mixed = make_tiny_checkpoint("llama");
  const auto plain = make_tiny_checkpoint("llama");
  for (const std::string name : {"blk.0.attn_v.weight", "blk.1.attn_q.weight"}) {
    const HostTensor original = *mixed->weights.find(name);
    const std::vector<int64_t> shape = original.shape;
    const auto n = static_cast<size_t>(shape[0] * shape[1]);
    const std::vector<float> values(reinterpret_cast<const float*>(original.planes[0].data()),
                                    reinterpret_cast<const float*>(original.planes[0].data()) + n);
    mixed->weights.add(name, shape, values, DType::q8_0);
    std::vector<float> rounded(n);
    decode_row(DType::q8_0, mixed->weights.find(name)->planes[0], rounded);
    plain->weights.add(name, shape, rounded);
  }
  const std::vector<int32_t> ids{3, 14, 15, 92, 6, 5, 35};
  const auto logits = [&](const TinyCheckpoint& tiny) {
    const auto backend = make_reference_backend();
    return run_tokens(load_model(read_config(tiny.metadata, tiny.weights), tiny.weights, *backend), *backend, ids,
                      DType::f32);
  };
  EXPECT_EQ(logits(*mixed), logits(*plain));
}

TEST(Rope, inverse_frequencies_follow_the_definition) {
  RopeSpec spec;
  spec.dims = 8;
  spec.base = 10000;
  EXPECT_EQ(rope_inverse_frequencies(spec, 1), (std::vector<float>{1.0f, 0.1f, 0.01f, 0.001f}));
  spec.factors = {1, 2, 4, 8};
  spec.scaling = RopeScaling::linear;
  spec.factor = 2;
  const std::vector<float> scaled = rope_inverse_frequencies(spec, 1);
  EXPECT_FLOAT_EQ(scaled[0], 0.5f);
  EXPECT_FLOAT_EQ(scaled[3], 0.001f / 16);
}

TEST(StepCost, counts_weights_once_and_flops_per_token) {
  const auto tiny = make_tiny_checkpoint("llama");
  const ModelConfig config = read_config(tiny->metadata, tiny->weights);
  // Per layer: q|k|v 256 x 64, output 64 x 128, gate|up 192 x 64, down 64 x 96; head 97 x 64.
  const double matrix_values = 2.0 * (256 * 64 + 64 * 128 + 192 * 64 + 64 * 96) + 97 * 64;
  const double norm_values = 5 * 64;
  const StepCost one = step_cost(config, tiny->weights, 1, 1, 1, DType::f16);
  EXPECT_EQ(one.weight_bytes, 4 * (matrix_values + norm_values + 64));  // one embedding row
  EXPECT_GT(one.flops, 2 * matrix_values);
  EXPECT_LT(one.flops, 2.2 * matrix_values);
  const StepCost four = step_cost(config, tiny->weights, 4, 1, 1, DType::f16);
  EXPECT_EQ(four.weight_bytes, 4 * (matrix_values + norm_values + 4 * 64));
  EXPECT_DOUBLE_EQ(four.flops, 4 * one.flops);
  // K and V of 2 heads of 32 values in 2 layers: 1 position written and 100 read.
  EXPECT_EQ(step_cost(config, tiny->weights, 1, 1, 100, DType::f16).kv_bytes, 2 * 2 * 64 * 2 * 101.0);
}

}  // namespace
}  // namespace quandex
