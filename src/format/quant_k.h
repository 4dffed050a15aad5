// The K-quants: blocks of 256 values in sub-blocks with scales of their own, which are themselves quantized. As in
// quant.h `decode` defines a format and device code can share it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/quant.h"

namespace quandex {

// clang-format off: one line a block, so that the layouts can be compared
// scales: of sub-blocks of 16 values, the scale in the low nibble and the minimum in the high one. qs: see code_place.
struct BlockQ2K  { static constexpr int kValues = 256; uint8_t scales[16], qs[64]; uint16_t d, d_min; };
// hmask: the third bits, see code_place; a bit that is not set takes 4 off the two bits of qs. scales: sixteen of 6 bits,
// see unpack_q3_k_scale.
struct BlockQ3K  { static constexpr int kValues = 256; uint8_t hmask[32], qs[64], scales[12]; uint16_t d; };
// scales: eight 6-bit scales and eight 6-bit minimums, see unpack_scale_min. qs: each 32 bytes hold two sub-blocks of
// 32 values, the first in the low nibbles.
struct BlockQ4K  { static constexpr int kValues = 256; uint16_t d, d_min; uint8_t scales[12], qs[128]; };
// As BlockQ4K, with the fifth bits in qh: bit j of byte l for value l of sub-block j.
struct BlockQ5K  { static constexpr int kValues = 256; uint16_t d, d_min; uint8_t scales[12], qh[32], qs[128]; };
// Sub-blocks of 16 values. Each 128 values take 64 bytes of ql and 32 of qh: values l, l + 32 have their low nibbles in
// the low nibbles of ql[l], ql[l + 32] (l < 32); values l + 64, l + 96 in the high ones; bits 4-5 lie in qh[l].
struct BlockQ6K  { static constexpr int kValues = 256; uint8_t ql[128], qh[64]; int8_t scales[16]; uint16_t d; };
// For activations, but files may have it. sums: of the codes of each 16 values; decode does not need them.
struct BlockQ8K  { static constexpr int kValues = 256; float d; int8_t qs[256]; int16_t sums[16]; };
// clang-format on

static_assert(sizeof(BlockQ2K) == 84 && sizeof(BlockQ3K) == 110 && sizeof(BlockQ4K) == 144);
static_assert(sizeof(BlockQ5K) == 176 && sizeof(BlockQ6K) == 210 && sizeof(BlockQ8K) == 292);

// Where Q2_K and Q3_K keep value i < 256: two bits of qs[byte] from `shift` on; the third is bit `high_bit` of
// hmask[high_byte].
struct CodePlace {
  int byte, shift, high_byte, high_bit;
};
inline CodePlace code_place(int i) { return {32 * (i / 128) + i % 32, 2 * (i % 128 / 32), i % 32, i / 32}; }

inline void decode(const BlockQ2K& block, float* out) {
  const float d = f32_from_f16(block.d);
  const float d_min = f32_from_f16(block.d_min);
  for (int i = 0; i < 256; ++i) {
    const CodePlace place = code_place(i);
    const int scales = block.scales[i / 16];
    const float scale = d * static_cast<float>(scales & 15);
    const float min = d_min * static_cast<float>(scales >> 4);
    out[i] = scale * static_cast<float>((block.qs[place.byte] >> place.shift) & 3) - min;
  }
}

// The scale of sub-block j < 16 of a Q3_K block, -32 to 31: low nibbles in the first 8 bytes, top two bits in the
// last 4.
inline int unpack_q3_k_scale(const uint8_t* packed, int j) {
  const int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
  return (low | (((packed[8 + j % 4] >> (2 * (j / 4))) & 3) << 4)) - 32;
}

inline void decode(const BlockQ3K& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int i = 0; i < 256; ++i) {
    const CodePlace place = code_place(i);
    const float scale = d * static_cast<float>(unpack_q3_k_scale(block.scales, i / 16));
    const int low = (block.qs[place.byte] >> place.shift) & 3;
    const bool is_high = (block.hmask[place.high_byte] >> place.high_bit) & 1;
    out[i] = scale * static_cast<float>(is_high ? low : low - 4);
  }
}

struct ScaleMin {
  int scale, min;  // 0 to 63
};
// The scale and the minimum of sub-block j < 8 from the 12 packed bytes of a Q4_K or Q5_K block.
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

inline void decode(const BlockQ5K& block, float* out) {
  const float d = f32_from_f16(block.d);
  const float d_min = f32_from_f16(block.d_min);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin packed = unpack_scale_min(block.scales, j);
    const float scale = d * static_cast<float>(packed.scale);
    const float min = d_min * static_cast<float>(packed.min);
    const uint8_t* const qs = block.qs + 32 * (j / 2);
    for (int l = 0; l < 32; ++l) {
      const int q = (j % 2 == 0 ? qs[l] & 15 : qs[l] >> 4) | (((block.qh[l] >> j) & 1) << 4);
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

inline void decode(const BlockQ8K& block, float* out) {
  for (int i = 0; i < 256; ++i) out[i] = block.d * static_cast<float>(block.qs[i]);
}

}  // namespace quandex
