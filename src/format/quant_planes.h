// Blocks of the formats whose files keep codes, scales and biases in separate planes: here a block holds its part of
// each plane, one after the other. As in quant.h `decode` defines a format, in float32, and device code can share it.
// An f32 scale times a code rounds before the addition does: no fused multiply-add here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/quant.h"

namespace quandex {

// MLX affine: value = code * scale + bias. Code j is bits [j * bits, (j + 1) * bits) of a little-endian stream of bits;
// 8 codes are `bits` whole bytes. Scale is one of BlockF16, BlockBf16 and BlockF32. Planes: codes, scales, biases.
template <int bits, int group_size, typename Scale>
struct BlockAffine {
  static constexpr int kValues = group_size, kBits = bits;
  uint8_t codes[group_size * bits / 8];
  Scale scale, bias;
};

// qwen3.c: value = code * scale. Planes: codes, scales.
template <int group_size>
struct BlockQ8F32 {
  static constexpr int kValues = group_size;
  int8_t codes[group_size];
  float scale;
};

static_assert(sizeof(BlockAffine<3, 32, BlockBf16>) == 12 + 4 && sizeof(BlockAffine<8, 128, BlockF32>) == 128 + 8);
static_assert(sizeof(BlockQ8F32<64>) == 68);

template <int bits, int group_size, typename Scale>
void decode(const BlockAffine<bits, group_size, Scale>& block, float* out) {
  static_assert(sizeof(block) == group_size * bits / 8 + 2 * sizeof(Scale));
  float scale, bias;
  decode(block.scale, &scale);
  decode(block.bias, &bias);
  for (int i = 0; i < group_size / 8; ++i) {
    uint64_t eight = 0;
    for (int k = 0; k < bits; ++k) eight |= static_cast<uint64_t>(block.codes[i * bits + k]) << (8 * k);
    for (int j = 0; j < 8; ++j) {
      const float product = static_cast<float>((eight >> (j * bits)) & ((1u << bits) - 1u)) * scale;
      out[8 * i + j] = product + bias;
    }
  }
}

template <int group_size>
void decode(const BlockQ8F32<group_size>& block, float* out) {
  for (int i = 0; i < group_size; ++i) out[i] = static_cast<float>(block.codes[i]) * block.scale;
}

}  // namespace quandex
