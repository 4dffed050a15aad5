// The model of tests/fixtures/qwen3c as it was before it was quantized.
#pragma once

#include <string>

#include "format/qwen3c.h"
#include "format/seeded_weights.h"
#include "support/memory_weights.h"

namespace quandex {

inline constexpr Qwen3cHeader kTinyQwen3c{.dim = 32,
                                          .ffn_dim = 48,
                                          .n_layers = 2,
                                          .n_heads = 4,
                                          .n_kv_heads = 2,
                                          .vocab = 640,
                                          .n_ctx_train = 256,
                                          .head_dim = 16,
                                          .tied_head = true,
                                          .group_size = 16};

inline Metadata tiny_qwen3c_metadata() {
  Metadata metadata("tiny");
  metadata.set_string("general.architecture", "qwen3");
  metadata.set_u32("qwen3.block_count", 2);
  metadata.set_u32("qwen3.context_length", 256);
  metadata.set_u32("qwen3.embedding_length", 32);
  metadata.set_u32("qwen3.feed_forward_length", 48);
  metadata.set_u32("qwen3.attention.head_count", 4);
  metadata.set_u32("qwen3.attention.head_count_kv", 2);
  metadata.set_u32("qwen3.attention.key_length", 16);
  metadata.set_u32("qwen3.attention.value_length", 16);
  metadata.set_f32("qwen3.attention.layer_norm_rms_epsilon", 1e-6f);
  metadata.set_f32("qwen3.rope.freq_base", 1e6f);
  return metadata;
}

inline std::unique_ptr<MemoryWeights> tiny_qwen3c_weights(DType type = DType::f32) {
  auto weights = std::make_unique<MemoryWeights>();
  uint32_t seed = 0;
  for (const Qwen3cTensor& tensor : qwen3c_tensors(kTinyQwen3c)) {
    ++seed;
    std::vector<float> values = tensor.is_quantized() ? seeded_weights(seed, tensor.n_values, 0.5f)
                                                      : seeded_weights(seed, tensor.n_values, 0.25f, 1.0f);
    if (tensor.name == "token_embd.weight") {
      constexpr size_t kDim = 32, kGroup = 16;
      for (size_t i = 0; i < kGroup; ++i) {
        values[kDim + i] = 0;
        values[2 * kDim + i] = (static_cast<float>(i) - 7.5f) / 64;  // half way between codes
      }
      values[2 * kDim] = 127.0f / 64;  // the scale is 1/64
    }
    weights->add(tensor.name, tensor.shape, values, tensor.is_quantized() ? type : DType::f32);
  }
  return weights;
}

}  // namespace quandex
