// Scalar encoders of the formats in quant_planes.h.
//
// Affine is MLX's own quantizer: everything in float32, the codes chosen against the scale and the bias before those
// are rounded to their stored type. NaN becomes 0 and inputs are limited to what the scale's type holds (f16: 65504).
//
// q8_0_gN_f32 is the converter of qwen3.c: scale = largest magnitude / 127, codes round half to even. A group of zeros
// has scale 0 and codes 0. Inputs are limited to 3.4e38, so that a rounded-up scale times 127 stays finite.
#pragma once

#include <algorithm>
#include <cmath>

#include "format/quant_planes.h"

namespace quandex {

namespace quantize_detail {

// Half the range of a float, so that differences stay finite.
inline constexpr float kLargestWide = 1e38f;

template <typename Scale>
inline constexpr float kLargestAffine = kLargestWide;
template <>
inline constexpr float kLargestAffine<BlockF16> = 65504.0f;

inline float limited(float value, float largest) {
  return std::isnan(value) ? 0.0f : std::clamp(value, -largest, largest);
}

struct AffineGroup {
  float scale = 0, bias = 0;
};
AffineGroup affine_group(const float* x, int n, int top);

// The code nearest to value / step, ties to even, within [low, high]; `step` is not 0.
inline int nearest_code(float value, float step, int low, int high) {
  return static_cast<int>(std::clamp(std::nearbyintf(value / step), static_cast<float>(low), static_cast<float>(high)));
}

void store(float value, BlockF16& scale);
void store(float value, BlockBf16& scale);
void store(float value, BlockF32& scale);

}  // namespace quantize_detail

template <int bits, int group_size, typename Scale>
void encode(const float* in, BlockAffine<bits, group_size, Scale>& block) {
  namespace detail = quantize_detail;
  constexpr int kTop = (1 << bits) - 1;
  float x[group_size];
  for (int i = 0; i < group_size; ++i) x[i] = detail::limited(in[i], detail::kLargestAffine<Scale>);
  const detail::AffineGroup group = detail::affine_group(x, group_size, kTop);
  block = {};
  for (int i = 0; i < group_size; ++i) {
    // A scale of 0: all values are equal, and so large that a whole number of least steps to them is infinite.
    const int code = group.scale == 0.0f ? 0 : detail::nearest_code(x[i] - group.bias, group.scale, 0, kTop);
    const int at = i * bits / 8, shift = i * bits % 8;
    block.codes[at] = static_cast<uint8_t>(block.codes[at] | (code << shift));
    if (shift + bits > 8) block.codes[at + 1] = static_cast<uint8_t>(code >> (8 - shift));
  }
  detail::store(group.scale, block.scale);
  detail::store(group.bias, block.bias);
}

template <int group_size>
void encode(const float* in, BlockQ8F32<group_size>& block) {
  namespace detail = quantize_detail;
  constexpr float kLargest = 3.4e38f;
  float largest = 0;
  for (int i = 0; i < group_size; ++i) largest = std::max(largest, std::fabs(detail::limited(in[i], kLargest)));
  block = {};
  block.scale = largest / 127.0f;
  if (block.scale == 0.0f) return;
  for (int i = 0; i < group_size; ++i)
    block.codes[i] =
        static_cast<int8_t>(detail::nearest_code(detail::limited(in[i], kLargest), block.scale, -127, 127));
}

}  // namespace quandex
