// The shapes that make-model knows: real models' sizes and small ones for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/dtype.h"
#include "format/metadata.h"

namespace quandex::cli {

struct ModelShape {
  std::string_view name, architecture, pre_tokenizer;
  int n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, vocab, n_special;
  int n_ctx_train;
  float rope_base, norm_eps;
  float rope_factor;  // Llama 3 frequency scaling; 0: none
  bool tied_head, has_qk_norm;
};
std::span<const ModelShape> model_shapes();

enum class TensorFill : uint8_t { random, ones, rope_factors };
struct PlannedTensor {
  std::string name;
  DType type;
  std::vector<int64_t> shape;  // outermost first
  TensorFill fill;
};
// Every tensor of the model in file order. Matrices have the type asked for, vectors are f32.
std::vector<PlannedTensor> plan_tensors(const ModelShape& shape, DType matrix_type);

// The model's own keys (general.*, <architecture>.*) and a vocabulary that round-trips every text.
Metadata make_metadata(const ModelShape& shape, DType matrix_type);

// What each inverse RoPE frequency is divided by under Llama 3 scaling (low 1, high 4, original context 8192).
std::vector<float> llama3_rope_factors(const ModelShape& shape);

// A byte-level BPE vocabulary of our own: 256 bytes, then words of 1, 2, 3 … letters with and without a space before,
// each the merge of a shorter word and a letter; control tokens fill the last shape.n_special ids.
void add_vocabulary(Metadata& metadata, const ModelShape& shape);

}  // namespace quandex::cli
