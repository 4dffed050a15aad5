#include <algorithm>
#include <array>
#include <cmath>

#include "format/quantize.h"
#include "format/quantize_fit.h"

namespace quandex {
namespace {

// A block of sub-blocks with scale and minimum: value = d * scale * code - d_min * min.
template <int sub_blocks>
struct AffineBlock {
  uint16_t d, d_min;
  std::array<int, sub_blocks> scales, mins;
  std::array<int, 256> codes;
};
template <int sub_blocks, int top, int scale_top>
AffineBlock<sub_blocks> affine_block(const float* in) {
  constexpr size_t kSize = 256 / sub_blocks;
  const auto x = cleaned<256>(in);
  std::array<AffineFit, sub_blocks> fits;
  float largest_scale = 0.0f;
  float largest_min = 0.0f;
  for (size_t j = 0; j < sub_blocks; ++j) {
    fits[j] = fit_affine(x.data() + kSize * j, kSize, top);
    largest_scale = std::max(largest_scale, fits[j].scale);
    largest_min = std::max(largest_min, fits[j].min);
  }
  AffineBlock<sub_blocks> block;
  block.d = f16_at_least(largest_scale / scale_top);
  block.d_min = f16_at_least(largest_min / scale_top);
  const float d = f32_from_f16(block.d);
  const float d_min = f32_from_f16(block.d_min);
  for (size_t j = 0; j < sub_blocks; ++j) {
    block.scales[j] = quantized(fits[j].scale, d, 0, scale_top);
    block.mins[j] = quantized(fits[j].min, d_min, 0, scale_top);
    const float step = d * static_cast<float>(block.scales[j]), min = d_min * static_cast<float>(block.mins[j]);
    for (size_t i = kSize * j; i < kSize * (j + 1); ++i) block.codes[i] = quantized(x[i] + min, step, 0, top);
  }
  return block;
}

// `packed` starts as zeros.
void pack_scale_min(int scale, int min, int j, uint8_t* packed) {
  const auto put = [packed](int at, int bits) { packed[at] = static_cast<uint8_t>(packed[at] | bits); };
  if (j < 4) {
    put(j, scale);
    put(j + 4, min);
  } else {
    put(j + 4, (scale & 15) | ((min & 15) << 4));
    put(j - 4, (scale >> 4) << 6);
    put(j, (min >> 4) << 6);
  }
}

void pack_q3_k_scale(int scale, int j, uint8_t* packed) {
  const int bits = scale + 32;
  uint8_t& low = packed[j % 8];
  uint8_t& high = packed[8 + j % 4];
  low = static_cast<uint8_t>(low | ((bits & 15) << (j < 8 ? 0 : 4)));
  high = static_cast<uint8_t>(high | ((bits >> 4) << (2 * (j / 4))));
}

void pack_q6_k(int q, int i, BlockQ6K& block) {
  const int half = i / 128;
  const int quarter = (i % 128) / 32;
  const int l = i % 32;
  uint8_t& low = block.ql[64 * half + 32 * (quarter % 2) + l];
  uint8_t& high = block.qh[32 * half + l];
  low = static_cast<uint8_t>(low | ((q & 15) << (quarter < 2 ? 0 : 4)));
  high = static_cast<uint8_t>(high | ((q >> 4) << (2 * quarter)));
}

// Nibbles as Q4_K and Q5_K order them: each 32 bytes hold two sub-blocks, the first in the low nibbles.
void pack_nibble(int q, int i, uint8_t* qs) {
  uint8_t& byte = qs[32 * (i / 64) + i % 32];
  byte = static_cast<uint8_t>(byte | ((q & 15) << (i / 32 % 2 == 0 ? 0 : 4)));
}

}  // namespace

void encode(const float* in, BlockQ2K& block) {
  const auto made = affine_block<16, 3, 15>(in);
  block = {};
  block.d = made.d;
  block.d_min = made.d_min;
  for (size_t j = 0; j < 16; ++j) block.scales[j] = static_cast<uint8_t>(made.scales[j] | (made.mins[j] << 4));
  for (int i = 0; i < 256; ++i) {
    const CodePlace place = code_place(i);
    uint8_t& byte = block.qs[place.byte];
    byte = static_cast<uint8_t>(byte | (made.codes[static_cast<size_t>(i)] << place.shift));
  }
}

void encode(const float* in, BlockQ3K& block) {
  const auto x = cleaned<256>(in);
  std::array<float, 16> fits;
  for (size_t j = 0; j < 16; ++j) fits[j] = fit_symmetric(x.data() + 16 * j, 16, 4);
  const auto scales = signed_scales(fits);
  block = {};
  block.d = scales.d;
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) pack_q3_k_scale(scales.codes[static_cast<size_t>(j)], j, block.scales);
  for (int i = 0; i < 256; ++i) {
    const float step = d * static_cast<float>(scales.codes[static_cast<size_t>(i / 16)]);
    const int q = quantized(x[static_cast<size_t>(i)], step, -4, 3) + 4;
    const CodePlace place = code_place(i);
    uint8_t& low = block.qs[place.byte];
    uint8_t& high = block.hmask[place.high_byte];
    low = static_cast<uint8_t>(low | ((q & 3) << place.shift));
    high = static_cast<uint8_t>(high | ((q >> 2) << place.high_bit));
  }
}

void encode(const float* in, BlockQ4K& block) {
  const auto made = affine_block<8, 15, 63>(in);
  block = {};
  block.d = made.d;
  block.d_min = made.d_min;
  for (size_t j = 0; j < 8; ++j) pack_scale_min(made.scales[j], made.mins[j], static_cast<int>(j), block.scales);
  for (int i = 0; i < 256; ++i) pack_nibble(made.codes[static_cast<size_t>(i)], i, block.qs);
}

void encode(const float* in, BlockQ5K& block) {
  const auto made = affine_block<8, 31, 63>(in);
  block = {};
  block.d = made.d;
  block.d_min = made.d_min;
  for (size_t j = 0; j < 8; ++j) pack_scale_min(made.scales[j], made.mins[j], static_cast<int>(j), block.scales);
  for (int i = 0; i < 256; ++i) {
    const int q = made.codes[static_cast<size_t>(i)];
    pack_nibble(q, i, block.qs);
    block.qh[i % 32] = static_cast<uint8_t>(block.qh[i % 32] | ((q >> 4) << (i / 32)));
  }
}

void encode(const float* in, BlockQ6K& block) {
  const auto x = cleaned<256>(in);
  std::array<float, 16> scales;
  float largest_scale = 0.0f;
  for (size_t j = 0; j < 16; ++j) {
    scales[j] = fit_symmetric(x.data() + 16 * j, 16, 32);
    largest_scale = std::max(largest_scale, std::fabs(scales[j]));
  }
  block = {};
  block.d = f16_at_least(largest_scale / 127.0f);
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 16; ++j) {
    const int scale = quantized(scales[static_cast<size_t>(j)], d, -127, 127);
    block.scales[j] = static_cast<int8_t>(scale);
    for (int l = 0; l < 16; ++l) {
      const int i = 16 * j + l;
      pack_q6_k(quantized(x[static_cast<size_t>(i)], d * static_cast<float>(scale), -32, 31) + 32, i, block);
    }
  }
}

void encode(const float* in, BlockQ8K& block) {
  const auto x = cleaned<256>(in);
  block = {};
  block.d = std::fabs(extreme_of(x.data(), 256)) / 127.0f;
  for (size_t i = 0; i < 256; ++i) {
    const int q = quantized(x[i], block.d, -127, 127);
    block.qs[i] = static_cast<int8_t>(q);
    block.sums[i / 16] = static_cast<int16_t>(block.sums[i / 16] + q);
  }
}

}  // namespace quandex
