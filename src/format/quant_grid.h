// Formats whose codes stand for a few fixed values: a table, three values, or a small float. As in quant.h `decode`
// defines a format and device code can share it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/quant.h"

namespace quandex {

// clang-format off: one line a block, so that the layouts can be compared
// qs: codes of kIq4Values; value j in the low nibble of byte j, value j + 16 in the high one.
struct BlockIQ4NL { static constexpr int kValues = 32;  uint16_t d; uint8_t qs[16]; };
// Eight sub-blocks like those of BlockIQ4NL, 16 bytes of qs each. Their 6-bit scales: low nibbles in scales_l, the
// first sub-block's lowest; top two bits in scales_h, the first one's lowest.
struct BlockIQ4XS { static constexpr int kValues = 256; uint16_t d, scales_h; uint8_t scales_l[4], qs[128]; };
// Five ternary digits a byte, the first the most significant one; see trit. qs: value m + 32 n is digit n of byte m < 32,
// value 160 + m + 16 n digit n of byte 32 + m; qh: value 240 + m + 4 n is digit n < 4 of byte m.
struct BlockTQ1_0 { static constexpr int kValues = 256; uint8_t qs[48], qh[4]; uint16_t d; };
// Two bits a value, its code + 1: value 128 h + 32 n + m in bits 2 n and on of byte 32 h + m.
struct BlockTQ2_0 { static constexpr int kValues = 256; uint8_t qs[64]; uint16_t d; };
// e: the scale is 2^(e - 127), 255: not a number. qs: 4-bit floats (E2M1), value j in the low nibble of byte j, value
// j + 16 in the high one. (Checkpoints of other projects order the same nibbles otherwise.)
struct BlockMXFP4 { static constexpr int kValues = 32;  uint8_t e, qs[16]; };
// clang-format on

static_assert(sizeof(BlockIQ4NL) == 18 && sizeof(BlockIQ4XS) == 136);
static_assert(sizeof(BlockTQ1_0) == 54 && sizeof(BlockTQ2_0) == 66);
static_assert(sizeof(BlockMXFP4) == 17);

inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Twice the values of E2M1, so that they are whole. The code of -0 stands for 0.
inline constexpr int8_t kE2m1Twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

inline void decode(const BlockIQ4NL& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kIq4Values[block.qs[j] & 15]);
    out[j + 16] = d * static_cast<float>(kIq4Values[block.qs[j] >> 4]);
  }
}

// The scale of sub-block j < 8, -32 to 31.
inline int unpack_iq4_xs_scale(const BlockIQ4XS& block, int j) {
  const int low = (block.scales_l[j / 2] >> (4 * (j % 2))) & 15;
  return (low | (((block.scales_h >> (2 * j)) & 3) << 4)) - 32;
}

inline void decode(const BlockIQ4XS& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 8; ++j) {
    const float scale = d * static_cast<float>(unpack_iq4_xs_scale(block, j));
    for (int l = 0; l < 16; ++l) {
      const int byte = block.qs[16 * j + l];
      out[32 * j + l] = scale * static_cast<float>(kIq4Values[byte & 15]);
      out[32 * j + l + 16] = scale * static_cast<float>(kIq4Values[byte >> 4]);
    }
  }
}

// Digit n < 5 of a byte, -1 to 1. A byte b stands for the fraction b / 256 in base 3: multiplying by 3^n, modulo 256,
// brings the digit to the front, and the whole part of three times that is the digit.
inline int trit(uint8_t byte, int n) {
  constexpr uint8_t kPowers[5] = {1, 3, 9, 27, 81};
  const auto rest = static_cast<uint8_t>(byte * kPowers[n]);
  return ((rest * 3) >> 8) - 1;
}

inline void decode(const BlockTQ1_0& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int n = 0; n < 5; ++n) {
    for (int m = 0; m < 32; ++m) out[32 * n + m] = d * static_cast<float>(trit(block.qs[m], n));
    for (int m = 0; m < 16; ++m) out[160 + 16 * n + m] = d * static_cast<float>(trit(block.qs[32 + m], n));
  }
  for (int n = 0; n < 4; ++n)
    for (int m = 0; m < 4; ++m) out[240 + 4 * n + m] = d * static_cast<float>(trit(block.qh[m], n));
}

inline void decode(const BlockTQ2_0& block, float* out) {
  const float d = f32_from_f16(block.d);
  for (int i = 0; i < 256; ++i) {
    const int byte = block.qs[32 * (i / 128) + i % 32];
    out[i] = d * static_cast<float>(((byte >> (2 * (i % 128 / 32))) & 3) - 1);
  }
}

// Half of 2^(e - 127), to go with kE2m1Twice. The least two are subnormal.
constexpr float half_e8m0(uint8_t e) {
  if (e == 255) return f32_from_bits(0x7FC00000u);
  return f32_from_bits(e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23);
}

inline void decode(const BlockMXFP4& block, float* out) {
  const float d = half_e8m0(block.e);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kE2m1Twice[block.qs[j] & 15]);
    out[j + 16] = d * static_cast<float>(kE2m1Twice[block.qs[j] >> 4]);
  }
}

}  // namespace quandex
