// The packed blocks as they lie in files, and what they mean: numbers and the formats of 32 values with one scale. The
// K-quants are in quant_k.h, formats of few fixed values in quant_grid.h, formats kept in planes in quant_planes.h.
// `decode` defines a format, in float32. f16 scales have 11 significant bits, sub-block scales and codes at most 13
// together, so every product is exact and only a last addition rounds: fast paths may fuse or regroup and still must
// give these bits. (Where a scale is an f32 the product rounds too.) Kept plain (no containers, no allocation) so that
// device code can share it. Layouts: the GGUF specification of the ggml project; all fields little-endian.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/half.h"

namespace quandex {

// clang-format off: one line a block, so that the layouts can be compared
struct BlockF32  { static constexpr int kValues = 1;   float value; };
struct BlockF16  { static constexpr int kValues = 1;   uint16_t value; };
struct BlockBf16 { static constexpr int kValues = 1;   uint16_t value; };
struct BlockI32  { static constexpr int kValues = 1;   int32_t value; };
// qs: value j in the low nibble of byte j, value j + 16 in the high one. qh: the fifth bits, bit j for value j.
struct BlockQ4_0 { static constexpr int kValues = 32;  uint16_t d; uint8_t qs[16]; };
struct BlockQ4_1 { static constexpr int kValues = 32;  uint16_t d, m; uint8_t qs[16]; };
struct BlockQ5_0 { static constexpr int kValues = 32;  uint16_t d; uint8_t qh[4], qs[16]; };
struct BlockQ5_1 { static constexpr int kValues = 32;  uint16_t d, m; uint8_t qh[4], qs[16]; };
struct BlockQ8_0 { static constexpr int kValues = 32;  uint16_t d; int8_t qs[32]; };
// s: d times the sum of the codes, for dot products with formats that have a minimum; decode does not need it. (PyPI's
// gguf counts 40 bytes, as if d and s were f32; files of the ggml project have 36.)
struct BlockQ8_1 { static constexpr int kValues = 32;  uint16_t d, s; int8_t qs[32]; };
// clang-format on

static_assert(sizeof(BlockF32) == 4 && sizeof(BlockF16) == 2 && sizeof(BlockBf16) == 2 && sizeof(BlockI32) == 4);
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockQ8_1) == 36);

inline void decode(const BlockF32& block, float* out) { out[0] = block.value; }
inline void decode(const BlockF16& block, float* out) { out[0] = f32_from_f16(block.value); }
inline void decode(const BlockBf16& block, float* out) { out[0] = f32_from_bf16(block.value); }
inline void decode(const BlockI32& block, float* out) { out[0] = static_cast<float>(block.value); }

inline void decode(const BlockQ4_0& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((block.qs[j] & 15) - 8) * d;
    out[j + 16] = static_cast<float>((block.qs[j] >> 4) - 8) * d;
  }
}

inline void decode(const BlockQ4_1& block, float* out) {
  const float d = f32_from_f16(block.d);
  const float m = f32_from_f16(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(block.qs[j] & 15) * d + m;
    out[j + 16] = static_cast<float>(block.qs[j] >> 4) * d + m;
  }
}

// The fifth bit of value j, in place (0 or 16).
inline int fifth_bit(const uint8_t* qh, int j) { return ((qh[j / 8] >> (j % 8)) & 1) << 4; }

inline void decode(const BlockQ5_0& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(((block.qs[j] & 15) | fifth_bit(block.qh, j)) - 16) * d;
    out[j + 16] = static_cast<float>(((block.qs[j] >> 4) | fifth_bit(block.qh, j + 16)) - 16) * d;
  }
}

inline void decode(const BlockQ5_1& block, float* out) {
  const float d = f32_from_f16(block.d);
  const float m = f32_from_f16(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((block.qs[j] & 15) | fifth_bit(block.qh, j)) * d + m;
    out[j + 16] = static_cast<float>((block.qs[j] >> 4) | fifth_bit(block.qh, j + 16)) * d + m;
  }
}

inline void decode(const BlockQ8_0& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(block.qs[j]) * d;
}

inline void decode(const BlockQ8_1& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(block.qs[j]) * d;
}

}  // namespace quandex
