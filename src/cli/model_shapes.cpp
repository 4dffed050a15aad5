#include "cli/model_shapes.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "format/gguf_types.h"

namespace quandex::cli {
namespace {

// What the shapes of a family share. Vocabularies are of our own kind in the true size, Mistral's too.
constexpr ModelShape kLlama{.architecture = "llama", .pre_tokenizer = "llama-bpe", .n_special = 256, .norm_eps = 1e-5f};

constexpr ModelShape llama3(float rope_factor, bool tied_head) {
  ModelShape shape = kLlama;
  shape.vocab = 128256;
  shape.n_ctx_train = 131072;
  shape.rope_base = 5e5f;
  shape.rope_factor = rope_factor;
  shape.tied_head = tied_head;
  return shape;
}

// In GGUF both go by the name of Llama.
constexpr ModelShape mistral(float rope_base, int window, ExpertShape experts) {
  ModelShape shape = kLlama;
  shape.vocab = 32000;
  shape.n_ctx_train = 32768;
  shape.rope_base = rope_base;
  shape.window = window;
  shape.experts = experts;
  return shape;
}

constexpr ModelShape qwen3(bool tied_head, ExpertShape experts = {}) {
  return {.architecture = experts.n_experts > 0 ? "qwen3moe" : "qwen3",
          .pre_tokenizer = "qwen2",
          .experts = experts,
          .vocab = 151936,
          .n_special = 293,
          .n_ctx_train = 40960,
          .rope_base = 1e6f,
          .norm_eps = 1e-6f,
          .tied_head = tied_head,
          .has_qk_norm = true};
}

// For tests.
constexpr ModelShape tiny(ModelShape shape) {
  shape.vocab = 512;
  shape.n_special = 8;
  shape.n_ctx_train = 2048;
  return shape;
}

struct LayerSizes {
  int n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim;
};

constexpr ModelShape sized(std::string_view name, const LayerSizes& sizes, ModelShape shape) {
  shape.name = name;
  shape.n_layers = sizes.n_layers;
  shape.dim = sizes.dim;
  shape.n_heads = sizes.n_heads;
  shape.n_kv_heads = sizes.n_kv_heads;
  shape.head_dim = sizes.head_dim;
  shape.ffn_dim = sizes.ffn_dim;
  return shape;
}

// Layers, dim, heads, K/V heads, head dim, ffn; then rope factor or base, window, experts {how many, used, ffn}.
constexpr std::array kShapes{
    sized("llama-3.2-1b", {16, 2048, 32, 8, 64, 8192}, llama3(32, true)),
    sized("llama-3.2-3b", {28, 3072, 24, 8, 128, 8192}, llama3(32, true)),
    sized("llama-3.1-8b", {32, 4096, 32, 8, 128, 14336}, llama3(8, false)),
    sized("mistral-7b", {32, 4096, 32, 8, 128, 14336}, mistral(1e4f, 4096, {})),
    sized("mixtral-8x7b", {32, 4096, 32, 8, 128, 14336}, mistral(1e6f, 0, {8, 2, 14336})),
    sized("qwen3-0.6b", {28, 1024, 16, 8, 128, 3072}, qwen3(true)),
    sized("qwen3-1.7b", {28, 2048, 16, 8, 128, 6144}, qwen3(true)),
    sized("qwen3-4b", {36, 2560, 32, 8, 128, 9728}, qwen3(true)),
    sized("qwen3-30b-a3b", {48, 2048, 32, 4, 128, 6144}, qwen3(false, {128, 8, 768})),
    sized("tiny-llama", {2, 256, 4, 2, 64, 512}, tiny(llama3(32, false))),
    sized("tiny-mistral", {2, 256, 4, 2, 64, 512}, tiny(mistral(1e4f, 16, {}))),
    sized("tiny-mixtral", {2, 256, 4, 2, 64, 512}, tiny(mistral(1e6f, 0, {4, 2, 512}))),
    sized("tiny-qwen3", {2, 256, 4, 2, 128, 512}, tiny(qwen3(true))),
    sized("tiny-qwen3moe", {2, 256, 4, 2, 128, 512}, tiny(qwen3(false, {8, 3, 256}))),
};

void plan_experts(const std::string& prefix, const ModelShape& s, DType type, std::vector<PlannedTensor>& tensors) {
  const int64_t n = s.experts.n_experts, ffn_dim = s.experts.ffn_dim, dim = s.dim;
  tensors.push_back({prefix + "ffn_gate_inp.weight", DType::f32, {n, dim}, TensorFill::random});
  tensors.push_back({prefix + "ffn_gate_exps.weight", type, {n, ffn_dim, dim}, TensorFill::random});
  tensors.push_back({prefix + "ffn_up_exps.weight", type, {n, ffn_dim, dim}, TensorFill::random});
  tensors.push_back({prefix + "ffn_down_exps.weight", type, {n, dim, ffn_dim}, TensorFill::random});
}

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
    if (s.experts.n_experts > 0) {
      plan_experts(prefix, s, type, tensors);
      continue;
    }
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
  if (s.window > 0) set_count("attention.sliding_window", s.window);
  if (s.experts.n_experts > 0) {
    set_count("expert_count", s.experts.n_experts);
    set_count("expert_used_count", s.experts.n_active);
    if (s.experts.ffn_dim != s.ffn_dim) set_count("expert_feed_forward_length", s.experts.ffn_dim);
  }
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
