// The vectorised inner loops of every operation but `linear`, one table per instruction set. This header is seen by
// translation units compiled for wider instruction sets, so it holds nothing but plain types: an inline function of the
// standard library compiled there could be the copy that the linker keeps for everybody.
//
// Every function is deterministic for its arguments, and the order of each sum depends on lengths alone.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quandex::cpu {

// Attention of some query rows over one chunk of one KV head's cached positions.
// Layout of the cache: block b, KV head g starts at element (b * n_kv_heads + g) * block_size * head_dim of its tensor;
// keys lie there as [head_dim][block_size], values as [block_size][head_dim]. In q8_0 both are codes in that order,
// one byte each, and behind them the f16 scales of all 32-value blocks, [head_dim / 32][block_size].
struct AttentionChunk {
  const float* const* queries;  // n_rows pointers to head_dim floats
  int n_rows, head_dim, block_size;
  const void* keys;  // of this KV head in block 0: f32, f16 or q8_0
  const void* values;
  const int32_t* blocks;  // of this chunk, in order of position
  int64_t block_stride;   // bytes from a block to the next
  const int32_t* begin;   // per row: the visible positions [begin, end) of the chunk; begin == end where none is
  const int32_t* end;
  float scale, softcap;  // softcap 0: none
  int score_stride;      // positions in a chunk, a multiple of 16
  float* scores;         // scratch [n_rows, score_stride]
  float* scaled;         // scratch [kScaledRows, block_size], of q8_0 alone
  // Results. Rows that see nothing are left alone.
  float* accumulated;  // [n_rows, head_dim]: sum of exp(score - max) * value
  float* max;          // [n_rows]
  float* sum;          // [n_rows]: sum of exp(score - max)
};

inline constexpr int kScaledRows = 4;
inline constexpr int kQ8Values = 32;  // in a q8_0 block

struct OpsKernels {
  // out (or out +)= x / sqrt(mean(x²) + eps) * weight; weight may be null (all ones); out may be x.
  void (*rms_norm)(float* out, const float* x, const float* weight, int n, float eps, bool add);
  // Rotates the pairs (i, i + dims / 2) of one head in place.
  void (*rotate)(float* head, const float* cosines, const float* sines, int dims);
  void (*silu_glu)(float* out, const float* gate, const float* up, int n);
  void (*gelu_tanh_glu)(float* out, const float* gate, const float* up, int n);
  void (*softcap)(float* x, int n, float cap);
  void (*scale)(float* x, int n, float factor);
  void (*add_scaled)(float* x, const float* y, int n, float factor);
  void (*to_half)(uint16_t* out, const float* x, int n);
  // One q8_0 block as the format table encodes it: 32 codes, and the f16 scale as the result. A block that q8_0 cannot
  // hold (something is not finite, or beyond 127 * 65504) gets the scale NaN: whoever reads it must notice.
  uint16_t (*to_q8)(signed char* codes, const float* x);
  void (*attention_chunk_f32)(const AttentionChunk& chunk);
  void (*attention_chunk_f16)(const AttentionChunk& chunk);
  void (*attention_chunk_q8)(const AttentionChunk& chunk);
  // Folds the result of a later chunk into a running one.
  void (*attention_merge)(float* accumulated, float* max, float* sum, const float* chunk_accumulated, float chunk_max,
                          float chunk_sum, int head_dim);
};

// One for each translation unit of this build's architecture.
const OpsKernels& ops_kernels_base();
const OpsKernels& ops_kernels_avx2();
const OpsKernels& ops_kernels_avx512();
const OpsKernels& ops_kernels_neon();

}  // namespace quandex::cpu
