// The packed blocks as they lie in files, and what they mean. `decode` defines a format, in float32. Scales have 11
// significant bits, sub-block scales and codes at most 13 together, so every product here is exact and only a last
// addition rounds: fast paths may fuse or regroup and still must give these bits. Kept plain (no containers, no
// allocation) so that device code can share it. Layouts: the GGUF specification of the ggml project; all fields
// little-endian.
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
// scales: eight 6-bit scales and eight 6-bit minimums, see unpack_scale_min. qs: each 32 bytes hold two sub-blocks of
// 32 values, the first in the low nibbles.
struct BlockQ4K  { static constexpr int kValues = 256; uint16_t d, d_min; uint8_t scales[12], qs[128]; };
// Sub-blocks of 16 values. Each 128 values take 64 bytes of ql and 32 of qh: values l, l + 32 have their low nibbles in
// the low nibbles of ql[l], ql[l + 32] (l < 32); values l + 64, l + 96 in the high ones; bits 4-5 lie in qh[l].
struct BlockQ6K  { static constexpr int kValues = 256; uint8_t ql[128], qh[64]; int8_t scales[16]; uint16_t d; };
// clang-format on

static_assert(sizeof(BlockF32) == 4 && sizeof(BlockF16) == 2 && sizeof(BlockBf16) == 2 && sizeof(BlockI32) == 4);
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ4K) == 144 && sizeof(BlockQ6K) == 210);

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

struct ScaleMin {
  int scale, min;  // 0 to 63
};
// The scale and the minimum of sub-block j < 8 from the 12 packed bytes of a Q4_K block.
inline ScaleMin unpack_scale_min(const uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4), (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4)};
}

inline void decode(const BlockQ4K& block, float* out) {
  const float d = f32_from_f16(block.d);
  const float d_min = f32_from_f16(block.d_min);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin packed = unpack_scale_min(block.scales, j);
    const float scale = d * static_cast<float>(packed.scale);
    const float min = d_min * static_cast<float>(packed.min);
    const uint8_t* const qs = block.qs + 32 * (j / 2);
    for (int l = 0; l < 32; ++l) {
      const int q = j % 2 == 0 ? qs[l] & 15 : qs[l] >> 4;
      out[32 * j + l] = scale * static_cast<float>(q) - min;
    }
  }
}

// The six bits of value i < 256, 0 to 63; the value is (that - 32) times its sub-block's scale.
inline int unpack_q6_k(const BlockQ6K& block, int i) {
  const int half = i / 128;
  const int quarter = (i % 128) / 32;
  const int l = i % 32;
  const int low = block.ql[64 * half + 32 * (quarter % 2) + l];
  const int high = block.qh[32 * half + l];
  return (quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4);
}

inline void decode(const BlockQ6K& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(block.scales[j]);
    for (int l = 0; l < 16; ++l) {
      out[16 * j + l] = scale * static_cast<float>(unpack_q6_k(block, 16 * j + l) - 32);
    }
  }
}

}  // namespace quandex
