// Device tensors and the weights and inputs of the recorded operations. Views: trivially copyable, they own nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/dtype.h"

namespace quandex {

// Device memory, owned by the backend that made it; each backend derives its own.
struct Buffer {
  virtual ~Buffer() = default;
};

// A dense matrix [rows, cols], row-major unless the backend repacked it at upload. An absent tensor (no buffer) means
// that the step that would use it is skipped.
struct Tensor {
  DType type = DType::f32;
  int rows = 0, cols = 0;
  Buffer* buffer = nullptr;
  size_t offset = 0;  // bytes from the start of the buffer

  explicit operator bool() const { return buffer != nullptr; }
};

inline Tensor with_shape(Tensor t, int rows, int cols) {
  t.rows = rows;
  t.cols = cols;
  return t;
}
inline Tensor first_rows(Tensor t, int n) { return with_shape(t, n, t.cols); }

// y = W x (+ bias). Parts are stacked: files mix types inside one fused q|k|v, hence more than one.
struct Linear {
  std::array<Tensor, 3> parts;  // each [rows, in]
  int n_parts = 0;
  Tensor bias;  // f32 [1, rows] or absent
  bool sum_across_ranks =
      false;  // tensor parallel: the op sums partial results before `Into::add`, bias on rank 0 only

  int rows() const {
    int n = 0;
    for (int i = 0; i < n_parts; ++i) n += parts[static_cast<size_t>(i)].rows;
    return n;
  }
  int cols() const { return parts[0].cols; }
};

// One matrix per expert, stacked: each part [n_experts * rows, cols]. Gate and up stay apart where files keep them
// apart.
struct ExpertLinear {
  std::array<Tensor, 2> parts;
  int n_parts = 0, n_experts = 0;

  int rows() const {  // of one expert's output, all parts together
    int n = 0;
    for (int i = 0; i < n_parts; ++i) n += parts[static_cast<size_t>(i)].rows / n_experts;
    return n;
  }
  int cols() const { return parts[0].cols; }
};

enum class RouteScore : uint8_t { softmax_then_choose, choose_then_softmax, sigmoid };
struct RouteConfig {
  int n_experts = 0, n_active = 0;
  RouteScore score = RouteScore::softmax_then_choose;
  bool normalize = true;  // the chosen weights are divided by their sum
  float scale = 1;
  friend bool operator==(const RouteConfig&, const RouteConfig&) = default;
};

enum class Into : uint8_t { set, add };
enum class Activation : uint8_t { silu, gelu_tanh };

// Every kind of RoPE becomes a table at load. Pairs are (i, i + dims / 2) of each head ("half split"); dims == 0: no
// rotation in this layer. Values past `dims` in a head pass through.
struct RopeConfig {
  int dims = 0;
  Tensor inverse_freq;  // f32 [n_variants, dims / 2]; the variant is fixed per sequence at admission
  Tensor scale;         // f32 [n_variants, 1]: cos and sin are multiplied by it (attention factor)
};

struct HeadShape {
  int n_heads = 0, n_kv_heads = 0, head_dim = 0;
  int q_cols() const { return n_heads * head_dim; }
  int kv_cols() const { return n_kv_heads * head_dim; }
  int qkv_cols() const { return q_cols() + 2 * kv_cols(); }
  friend bool operator==(const HeadShape&, const HeadShape&) = default;
};

struct AttentionConfig {
  HeadShape heads;
  float scale = 1;    // of q·k
  float softcap = 0;  // > 0: scores become softcap * tanh(score / softcap)
  int window = 0;     // > 0: a token at position i sees j with i - window < j <= i
};

// The KV cache of one layer: [n_blocks * block_size, n_kv_heads * head_dim] each, f32, f16 or q8_0. Slot s lies in
// block s / block_size at offset s % block_size; the layout inside a block belongs to the backend. A block of q8_0 that
// could not hold its values (NaN, infinite or beyond 127 * 65504) reads as NaN.
struct KvLayer {
  Tensor keys, values;
  int block_size = 0;
};

inline constexpr std::array<DType, 3> kKvTypes{DType::f16, DType::f32, DType::q8_0};

// Whether a cache may be of this type: each head's values are whole blocks of their own.
inline bool holds_kv(DType type, int head_dim) {
  for (const DType known : kKvTypes)
    if (known == type) return head_dim % format_of(type).block_values == 0;
  return false;
}

inline constexpr int kMaxKvGroups = 4;  // layers that keep and free blocks alike: full attention, one per window size
struct KvGroupInputs {
  Tensor slots;         // i32 [n_tokens, 1]: where a token's K and V go
  Tensor block_tables;  // i32 [n_sequences, max_blocks]: the sequence's blocks in order of position
};

// Device views over one host-filled, reused buffer; ragged, never padded. Tokens of a sequence are adjacent.
struct StepInputs {
  int n_tokens = 0, n_sequences = 0;
  int n_hidden = 0, n_logits = 0;  // hidden rows wanted (pooling), of which logits (sampling)
  Tensor tokens;           // i32 [n_tokens, 1]; t < 0: the id that the last `sample` on this backend wrote at row ~t
  Tensor positions;        // i32 [n_tokens, 1]
  Tensor sequence_starts;  // i32 [n_sequences + 1, 1]: first token row of each sequence, then n_tokens
  Tensor lengths;          // i32 [n_sequences, 1]: positions with K/V once this step has stored its own
  Tensor rope_variants;    // i32 [n_sequences, 1]
  std::array<KvGroupInputs, kMaxKvGroups> kv;
  Tensor output_rows;  // i32 [n_hidden, 1], rows wanting logits first
};

}  // namespace quandex
