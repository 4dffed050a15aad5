#include "format/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace quandex {
namespace {

// Beyond the range of every block format, so clamping to it changes no result and keeps sums finite.
constexpr float kLargestInput = 1e9f;

template <int n>
std::array<float, n> cleaned(const float* in) {
  std::array<float, n> values;
  for (int i = 0; i < n; ++i) {
    values[static_cast<size_t>(i)] = std::isnan(in[i]) ? 0.0f : std::clamp(in[i], -kLargestInput, kLargestInput);
  }
  return values;
}

uint16_t f16_saturated(float value) { return f16_from_f32(std::clamp(value, -65504.0f, 65504.0f)); }

// The least f16 that is not below a magnitude >= 0; 65504 for what is larger.
uint16_t f16_at_least(float magnitude) {
  const uint16_t half = f16_saturated(magnitude);
  return f32_from_f16(half) < magnitude && half < kF16Largest ? static_cast<uint16_t>(half + 1) : half;
}

// The greatest f16 that is not above a value; -65504 for what is less.
uint16_t f16_at_most(float value) {
  const uint16_t half = f16_saturated(value);
  if (f32_from_f16(half) <= value) return half;
  if (half & 0x8000u) return half == (0x8000u | kF16Largest) ? half : static_cast<uint16_t>(half + 1);
  return half == 0 ? static_cast<uint16_t>(0x8001u) : static_cast<uint16_t>(half - 1);
}

// The integer nearest to value / step within [low, high], ties to even; 0 where the step is 0.
int quantized(float value, float step, int low, int high) {
  if (step == 0.0f) return std::clamp(0, low, high);
  const float q = std::clamp(value / step, static_cast<float>(low), static_cast<float>(high));
  // A sum this large keeps no fraction: the addition rounds, without the call that nearbyint is on baseline x86.
  constexpr float kNoFraction = 12582912.0f;  // 1.5 * 2^23
  return static_cast<int>((q + kNoFraction) - kNoFraction);
}

// The value of largest magnitude, with its sign.
float extreme_of(const float* values, int n) {
  float extreme = 0.0f;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  return extreme;
}

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

// How the K-quant fits search: rounding against the full range divided by top + d for a few d, each time solving for
// the scale that then fits best, finds a smaller weighted error than the plain range does.
constexpr std::array<float, 9> kSearchOffsets = {0.0f, -0.8f, -0.6f, -0.4f, -0.2f, 0.2f, 0.4f, 0.6f, 0.8f};

struct AffineFit {
  float scale = 0.0f;
  float min = 0.0f;  // subtracted; never negative
};

// The weighted least-squares scale and offset (<= 0) for given codes. Sums are in double: inputs reach 1e9.
struct AffineSums {
  double w = 0, q = 0, qq = 0, x = 0, qx = 0, xx = 0;

  void add(double weight, double code, double value) {
    w += weight;
    q += weight * code;
    qq += weight * code * code;
    x += weight * value;
    qx += weight * code * value;
    xx += weight * value * value;
  }
  double error(double scale, double offset) const {
    return scale * scale * qq + offset * offset * w + xx + 2.0 * (scale * offset * q - scale * qx - offset * x);
  }
};

AffineFit fit_affine(const float* x, int n, int top) {
  float low = 0.0f;
  float high = x[0];
  float mean_magnitude = 0.0f;
  for (int i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    mean_magnitude += std::fabs(x[i]) / static_cast<float>(n);
  }
  AffineFit best{0.0f, -low};
  if (high <= low) return best;
  best.scale = (high - low) / static_cast<float>(top);
  double best_error = HUGE_VAL;
  for (const float search_offset : kSearchOffsets) {
    const float step = (high - low) / (static_cast<float>(top) + search_offset);
    AffineSums sums;
    for (int i = 0; i < n; ++i) {
      sums.add(mean_magnitude + std::fabs(x[i]), quantized(x[i] - low, step, 0, top), x[i]);
    }
    const double determinant = sums.w * sums.qq - sums.q * sums.q;
    if (!(determinant > 0.0)) continue;
    double scale = (sums.w * sums.qx - sums.x * sums.q) / determinant;
    double offset = (sums.qq * sums.x - sums.q * sums.qx) / determinant;
    if (offset > 0.0) {
      offset = 0.0;
      scale = sums.qx / sums.qq;
    }
    const double error = sums.error(scale, offset);
    if (scale > 0.0 && error < best_error) {
      best_error = error;
      best = {static_cast<float>(scale), static_cast<float>(-offset)};
    }
  }
  return best;
}

// The scale for codes -half .. half - 1, weighted by the values' squares.
float fit_symmetric(const float* x, int n, int half) {
  const float extreme = extreme_of(x, n);
  if (extreme == 0.0f) return 0.0f;
  float best = -extreme / static_cast<float>(half);
  double best_gain = -1.0;  // (sum w q x)^2 / sum w q^2: what the fit takes off the weighted sum of squares
  for (const float search_offset : kSearchOffsets) {
    const float step = -extreme / (static_cast<float>(half) + search_offset);
    double qq = 0.0;
    double qx = 0.0;
    for (int i = 0; i < n; ++i) {
      const double q = quantized(x[i], step, -half, half - 1);
      const double weight = static_cast<double>(x[i]) * x[i];
      qq += weight * q * q;
      qx += weight * q * x[i];
    }
    if (qq > 0.0 && qx * qx / qq > best_gain) {
      best_gain = qx * qx / qq;
      best = static_cast<float>(qx / qq);
    }
  }
  return best;
}

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

void pack_q6_k(int q, int i, BlockQ6K& block) {
  const int half = i / 128;
  const int quarter = (i % 128) / 32;
  const int l = i % 32;
  uint8_t& low = block.ql[64 * half + 32 * (quarter % 2) + l];
  uint8_t& high = block.qh[32 * half + l];
  low = static_cast<uint8_t>(low | ((q & 15) << (quarter < 2 ? 0 : 4)));
  high = static_cast<uint8_t>(high | ((q >> 4) << (2 * quarter)));
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

void encode(const float* in, BlockQ4K& block) {
  const auto x = cleaned<256>(in);
  std::array<AffineFit, 8> fits;
  float largest_scale = 0.0f;
  float largest_min = 0.0f;
  for (size_t j = 0; j < 8; ++j) {
    fits[j] = fit_affine(x.data() + 32 * j, 32, 15);
    largest_scale = std::max(largest_scale, fits[j].scale);
    largest_min = std::max(largest_min, fits[j].min);
  }
  block = {};
  block.d = f16_at_least(largest_scale / 63.0f);
  block.d_min = f16_at_least(largest_min / 63.0f);
  const float d = f32_from_f16(block.d);
  const float d_min = f32_from_f16(block.d_min);
  for (int j = 0; j < 8; ++j) {
    const AffineFit& fit = fits[static_cast<size_t>(j)];
    const int scale = quantized(fit.scale, d, 0, 63);
    const int min = quantized(fit.min, d_min, 0, 63);
    pack_scale_min(scale, min, j, block.scales);
    for (int l = 0; l < 32; ++l) {
      const float shifted = x[static_cast<size_t>(32 * j + l)] + d_min * static_cast<float>(min);
      const int q = quantized(shifted, d * static_cast<float>(scale), 0, 15);
      uint8_t& byte = block.qs[32 * (j / 2) + l];
      byte = static_cast<uint8_t>(byte | (q << (j % 2 == 0 ? 0 : 4)));
    }
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

}  // namespace quandex
