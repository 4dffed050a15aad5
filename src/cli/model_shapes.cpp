#include "cli/model_shapes.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "format/gguf_types.h"

namespace quandex::cli {
namespace {

// name, architecture, pre-tokenizer, layers, dim, heads, kv heads, head dim, ffn, vocab, special, context, theta, eps,
// rope factor, tied, q/k norms
constexpr std::array<ModelShape, 6> kShapes{{
    {"llama-3.2-1b", "llama", "llama-bpe", 16, 2048, 32, 8, 64, 8192, 128256, 256, 131072, 5e5f, 1e-5f, 32, true,
     false},
    {"llama-3.1-8b", "llama", "llama-bpe", 32, 4096, 32, 8, 128, 14336, 128256, 256, 131072, 5e5f, 1e-5f, 8, false,
     false},
    {"qwen3-0.6b", "qwen3", "qwen2", 28, 1024, 16, 8, 128, 3072, 151936, 293, 40960, 1e6f, 1e-6f, 0, true, true},
    {"qwen3-4b", "qwen3", "qwen2", 36, 2560, 32, 8, 128, 9728, 151936, 293, 40960, 1e6f, 1e-6f, 0, true, true},
    {"tiny-llama", "llama", "llama-bpe", 2, 256, 4, 2, 64, 512, 512, 8, 2048, 5e5f, 1e-5f, 32, false, false},
    {"tiny-qwen3", "qwen3", "qwen2", 2, 256, 4, 2, 128, 512, 512, 8, 2048, 1e6f, 1e-6f, 0, true, true},
}};

}  // namespace

std::span<const ModelShape> model_shapes() { return kShapes; }

std::vector<PlannedTensor> plan_tensors(const ModelShape& s, DType type) {
  std::vector<PlannedTensor> tensors;
  const auto matrix = [&](std::string name, int64_t rows, int64_t cols) {
    tensors.push_back({std::move(name), type, {rows, cols}, TensorFill::random});
  };
  const auto vector = [&](std::string name, int64_t n, TensorFill fill) {
    tensors.push_back({std::move(name), DType::f32, {n}, fill});
  };
  const int64_t q_rows = int64_t{s.n_heads} * s.head_dim, kv_rows = int64_t{s.n_kv_heads} * s.head_dim;
  matrix("token_embd.weight", s.vocab, s.dim);
  vector("output_norm.weight", s.dim, TensorFill::ones);
  if (!s.tied_head) matrix("output.weight", s.vocab, s.dim);
  if (s.rope_factor > 0) vector("rope_freqs.weight", s.head_dim / 2, TensorFill::rope_factors);
  for (int layer = 0; layer < s.n_layers; ++layer) {
    const std::string prefix = fmt::format("blk.{}.", layer);
    vector(prefix + "attn_norm.weight", s.dim, TensorFill::ones);
    matrix(prefix + "attn_q.weight", q_rows, s.dim);
    matrix(prefix + "attn_k.weight", kv_rows, s.dim);
    matrix(prefix + "attn_v.weight", kv_rows, s.dim);
    matrix(prefix + "attn_output.weight", s.dim, q_rows);
    if (s.has_qk_norm) {
      vector(prefix + "attn_q_norm.weight", s.head_dim, TensorFill::ones);
      vector(prefix + "attn_k_norm.weight", s.head_dim, TensorFill::ones);
    }
    vector(prefix + "ffn_norm.weight", s.dim, TensorFill::ones);
    matrix(prefix + "ffn_gate.weight", s.ffn_dim, s.dim);
    matrix(prefix + "ffn_up.weight", s.ffn_dim, s.dim);
    matrix(prefix + "ffn_down.weight", s.dim, s.ffn_dim);
  }
  return tensors;
}

Metadata make_metadata(const ModelShape& s, DType type) {
  Metadata metadata("make-model");
  const std::string prefix = std::string(s.architecture) + ".";
  const auto set_count = [&](const char* key, int value) {
    metadata.set_u32(prefix + key, static_cast<uint32_t>(value));
  };
  metadata.set_string("general.architecture", std::string(s.architecture));
  metadata.set_string("general.type", "model");
  metadata.set_string("general.name", fmt::format("random weights in the shape of {}", s.name));
  if (const auto file_type = gguf_file_type(type)) metadata.set_u32("general.file_type", *file_type);
  metadata.set_u32("general.quantization_version", 2);
  set_count("block_count", s.n_layers);
  set_count("context_length", s.n_ctx_train);
  set_count("embedding_length", s.dim);
  set_count("feed_forward_length", s.ffn_dim);
  set_count("attention.head_count", s.n_heads);
  set_count("attention.head_count_kv", s.n_kv_heads);
  set_count("attention.key_length", s.head_dim);
  set_count("attention.value_length", s.head_dim);
  metadata.set_f32(prefix + "attention.layer_norm_rms_epsilon", s.norm_eps);
  metadata.set_f32(prefix + "rope.freq_base", s.rope_base);
  set_count("rope.dimension_count", s.head_dim);
  set_count("vocab_size", s.vocab);
  add_vocabulary(metadata, s);
  return metadata;
}

std::vector<float> llama3_rope_factors(const ModelShape& shape) {
  constexpr double kLow = 1, kHigh = 4, kOriginalContext = 8192;
  std::vector<float> factors;
  for (int i = 0; i < shape.head_dim / 2; ++i) {
    const double frequency = std::pow(static_cast<double>(shape.rope_base), -2.0 * i / shape.head_dim);
    const double turns = kOriginalContext * frequency / (2 * std::numbers::pi);  // within the original context
    const double blend = (turns - kLow) / (kHigh - kLow);
    double scaled = (1 - blend) * frequency / static_cast<double>(shape.rope_factor) + blend * frequency;
    if (turns > kHigh) scaled = frequency;
    if (turns < kLow) scaled = frequency / static_cast<double>(shape.rope_factor);
    factors.push_back(static_cast<float>(frequency / scaled));
  }
  return factors;
}

}  // namespace quandex::cli
