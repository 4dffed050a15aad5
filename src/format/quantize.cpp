#include "format/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "format/quantize_fit.h"

namespace quandex {
namespace {
struct SymmetricCodes {
  uint16_t d;
  std::array<int, 32> q;  // 0 .. 2 half - 1
};
// The extreme takes code -half, the end that has one code more, so the scale has the opposite sign.
SymmetricCodes symmetric_codes(const float* in, int half) {
  const auto x = cleaned<32>(in);
  const float extreme = extreme_of(x.data(), 32);
  SymmetricCodes codes{};
  codes.d = f16_at_least(std::fabs(extreme) / static_cast<float>(half));
  if (extreme > 0.0f) codes.d |= 0x8000u;
  const float step = f32_from_f16(codes.d);
  for (size_t i = 0; i < 32; ++i) codes.q[i] = quantized(x[i], step, -half, half - 1) + half;
  return codes;
}

struct AffineCodes {
  uint16_t d, m;
  std::array<int, 32> q;  // 0 .. top
};
AffineCodes affine_codes(const float* in, int top) {
  const auto x = cleaned<32>(in);
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  AffineCodes codes{};
  codes.m = f16_at_most(*low);
  const float base = f32_from_f16(codes.m);
  codes.d = f16_at_least(std::max(0.0f, *high - base) / static_cast<float>(top));
  const float step = f32_from_f16(codes.d);
  for (size_t i = 0; i < 32; ++i) codes.q[i] = quantized(x[i] - base, step, 0, top);
  return codes;
}

void pack_nibbles(const std::array<int, 32>& q, uint8_t* qs) {
  for (size_t j = 0; j < 16; ++j) qs[j] = static_cast<uint8_t>((q[j] & 15) | ((q[j + 16] & 15) << 4));
}

void pack_fifth_bits(const std::array<int, 32>& q, uint8_t* qh) {
  for (size_t i = 0; i < 4; ++i) qh[i] = 0;
  for (size_t j = 0; j < 32; ++j) qh[j / 8] = static_cast<uint8_t>(qh[j / 8] | ((q[j] >> 4) << (j % 8)));
}

}  // namespace

void encode(const float* in, BlockF32& block) { block.value = in[0]; }
void encode(const float* in, BlockF16& block) { block.value = f16_from_f32(in[0]); }
void encode(const float* in, BlockBf16& block) { block.value = bf16_from_f32(in[0]); }

void encode(const float* in, BlockQ4_0& block) {
  const SymmetricCodes codes = symmetric_codes(in, 8);
  block.d = codes.d;
  pack_nibbles(codes.q, block.qs);
}

void encode(const float* in, BlockQ4_1& block) {
  const AffineCodes codes = affine_codes(in, 15);
  block.d = codes.d;
  block.m = codes.m;
  pack_nibbles(codes.q, block.qs);
}

void encode(const float* in, BlockQ5_0& block) {
  const SymmetricCodes codes = symmetric_codes(in, 16);
  block.d = codes.d;
  pack_nibbles(codes.q, block.qs);
  pack_fifth_bits(codes.q, block.qh);
}

void encode(const float* in, BlockQ5_1& block) {
  const AffineCodes codes = affine_codes(in, 31);
  block.d = codes.d;
  block.m = codes.m;
  pack_nibbles(codes.q, block.qs);
  pack_fifth_bits(codes.q, block.qh);
}

void encode(const float* in, BlockQ8_0& block) {
  const auto x = cleaned<32>(in);
  block.d = f16_at_least(std::fabs(extreme_of(x.data(), 32)) / 127.0f);
  const float step = f32_from_f16(block.d);
  for (size_t i = 0; i < 32; ++i) block.qs[i] = static_cast<int8_t>(quantized(x[i], step, -127, 127));
}

void encode(const float* in, BlockQ8_1& block) {
  BlockQ8_0 same;
  encode(in, same);
  block.d = same.d;
  int sum = 0;
  for (size_t i = 0; i < 32; ++i) sum += block.qs[i] = same.qs[i];
  block.s = f16_saturated(f32_from_f16(same.d) * static_cast<float>(sum));
}

}  // namespace quandex
