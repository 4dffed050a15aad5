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

struct ExpertShape {
  int n_experts = 0, n_active = 0, ffn_dim = 0;
};

struct ModelShape {
  std::string_view name = {};
  std::string_view architecture = {}, pre_tokenizer = {};  // as GGUF calls them
  int n_layers = 0, dim = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0;
  int ffn_dim = 0;           // where there are experts, what the file says of dense layers: it has none
  ExpertShape experts = {};  // none: dense layers
  int vocab = 0, n_special = 0;
  int n_ctx_train = 0;
  int window = 0;  // of every layer's attention; 0: full
  float rope_base = 0, norm_eps = 0;
  float rope_factor = 0;  // Llama 3 frequency scaling; 0: none
  bool tied_head = false, has_qk_norm = false;
};
std::span<const ModelShape> model_shapes();

enum class TensorFill : uint8_t { random, ones, rope_factors };
struct PlannedTensor {
  std::string name;
  DType type;
  std::vector<int64_t> shape;  // outermost first
  TensorFill fill;
};
// Every tensor of the model in file order. Matrices have the type asked for, vectors and routers are f32.
std::vector<PlannedTensor> plan_tensors(const ModelShape& shape, DType matrix_type);

// The model's own keys (general.*, <architecture>.*) and a vocabulary that round-trips every text.
Metadata make_metadata(const ModelShape& shape, DType matrix_type);

// What each inverse RoPE frequency is divided by under Llama 3 scaling (low 1, high 4, original context 8192).
std::vector<float> llama3_rope_factors(const ModelShape& shape);

// A byte-level BPE vocabulary of our own: 256 bytes, then words of 1, 2, 3 … letters with and without a space before,
// each the merge of a shorter word and a letter; control tokens fill the last shape.n_special ids.
void add_vocabulary(Metadata& metadata, const ModelShape& shape);

}  // namespace quandex::cli
