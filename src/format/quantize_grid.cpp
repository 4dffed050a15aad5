#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "format/quantize.h"
#include "format/quantize_fit.h"

namespace quandex {
namespace {

// Index of the value of the table of IQ4 that is nearest to `value`; of two as near, the lower.
int nearest_iq4(float value) {
  int index = 0;
  for (int k = 0; k < 15; ++k) {
    const float middle = 0.5f * static_cast<float>(kIq4Values[k] + kIq4Values[k + 1]);
    index += value > middle ? 1 : 0;
  }
  return index;
}

int iq4_code(float value, float scale) { return nearest_iq4(scale == 0.0f ? 0.0f : value / scale); }

// The scale for 32 values, weighted by their magnitudes: the extreme is tried near either end of the table, each time
// solving for the scale that then fits best.
float fit_iq4(const float* x) {
  constexpr std::array<float, 9> kOffsets = {0.0f, -7.0f, -5.0f, -3.0f, -1.5f, 1.5f, 3.0f, 5.0f, 7.0f};
  const float extreme = extreme_of(x, 32);
  if (extreme == 0.0f) return 0.0f;
  float best = 0.0f;
  double best_gain = -1.0;  // (sum w q x)^2 / sum w q^2: what the fit takes off the weighted sum of squares
  for (const float end : {static_cast<float>(kIq4Values[0]), static_cast<float>(kIq4Values[15])}) {
    for (const float offset : kOffsets) {
      const float step = extreme / (end + offset);
      double qq = 0.0;
      double qx = 0.0;
      for (int i = 0; i < 32; ++i) {
        const double q = kIq4Values[iq4_code(x[i], step)];
        const double weight = std::fabs(x[i]);
        qq += weight * q * q;
        qx += weight * q * x[i];
      }
      if (qq > 0.0 && qx * qx / qq > best_gain) {
        best_gain = qx * qx / qq;
        best = static_cast<float>(qx / qq);
      }
    }
  }
  return best;
}

// 32 codes as 16 bytes, value j in the low nibble of byte j.
void pack_iq4(const float* x, float scale, uint8_t* qs) {
  for (int j = 0; j < 16; ++j) qs[j] = static_cast<uint8_t>(iq4_code(x[j], scale) | (iq4_code(x[j + 16], scale) << 4));
}

struct Ternary {
  uint16_t d;
  std::array<int, 256> q;  // -1, 0 or 1
};
// The k values of largest magnitude at plus or minus their mean leave the squared error least for some k, and that is
// the k whose (sum of magnitudes)^2 / k is largest.
Ternary ternary(const float* in) {
  const auto x = cleaned<256>(in);
  std::array<float, 256> magnitudes;
  for (size_t i = 0; i < 256; ++i) magnitudes[i] = std::fabs(x[i]);
  std::sort(magnitudes.begin(), magnitudes.end(), std::greater<>());
  double sum = 0.0, best_gain = 0.0, best = 0.0;
  for (size_t k = 0; k < 256; ++k) {
    sum += magnitudes[k];
    const double n = static_cast<double>(k + 1);
    if (sum * sum / n > best_gain) {
      best_gain = sum * sum / n;
      best = sum / n;
    }
  }
  Ternary made;
  made.d = f16_saturated(static_cast<float>(best));
  const float d = f32_from_f16(made.d);
  for (size_t i = 0; i < 256; ++i) made.q[i] = quantized(x[i], d, -1, 1);
  return made;
}

// Five digits, 0 to 2 and the first the most significant, as a byte: the least b with b / 256 at or above their
// fraction.
uint8_t pack_trits(const std::array<int, 5>& digits) {
  int number = 0;
  for (const int digit : digits) number = 3 * number + digit;
  constexpr int kNumbers = 243;
  return static_cast<uint8_t>((number * 256 + kNumbers - 1) / kNumbers);
}

// The code of the E2M1 value nearest to value / (2 * half_scale); ties go to the value of smaller magnitude.
int e2m1_code(float value, float half_scale) {
  const float magnitude = std::fabs(value) / half_scale;
  int code = 0;
  for (int k = 0; k < 7; ++k) code += magnitude > 0.5f * static_cast<float>(kE2m1Twice[k] + kE2m1Twice[k + 1]) ? 1 : 0;
  return value < 0.0f && code > 0 ? code + 8 : code;
}

double mxfp4_error(const float* x, float half_scale) {
  double error = 0.0;
  for (int i = 0; i < 32; ++i) {
    const double value = static_cast<double>(half_scale) * kE2m1Twice[e2m1_code(x[i], half_scale)];
    error += (x[i] - value) * (x[i] - value);
  }
  return error;
}

}  // namespace

void encode(const float* in, BlockIQ4NL& block) {
  const auto x = cleaned<32>(in);
  block.d = f16_saturated(fit_iq4(x.data()));
  pack_iq4(x.data(), f32_from_f16(block.d), block.qs);
}

void encode(const float* in, BlockIQ4XS& block) {
  const auto x = cleaned<256>(in);
  std::array<float, 8> fits;
  for (size_t j = 0; j < 8; ++j) fits[j] = fit_iq4(x.data() + 32 * j);
  const auto scales = signed_scales(fits);
  block = {};
  block.d = scales.d;
  const float d = f32_from_f16(block.d);
  for (int j = 0; j < 8; ++j) {
    const int scale = scales.codes[static_cast<size_t>(j)], bits = scale + 32;
    uint8_t& low = block.scales_l[j / 2];
    low = static_cast<uint8_t>(low | ((bits & 15) << (4 * (j % 2))));
    block.scales_h = static_cast<uint16_t>(block.scales_h | ((bits >> 4) << (2 * j)));
    pack_iq4(x.data() + 32 * j, d * static_cast<float>(scale), block.qs + 16 * j);
  }
}

void encode(const float* in, BlockTQ1_0& block) {
  const Ternary made = ternary(in);
  block.d = made.d;
  const auto digits = [&](int first, int stride, int n) {
    std::array<int, 5> found{};  // digits past the last value are 0
    for (int k = 0; k < n; ++k) found[static_cast<size_t>(k)] = made.q[static_cast<size_t>(first + stride * k)] + 1;
    return pack_trits(found);
  };
  for (int m = 0; m < 32; ++m) block.qs[m] = digits(m, 32, 5);
  for (int m = 0; m < 16; ++m) block.qs[32 + m] = digits(160 + m, 16, 5);
  for (int m = 0; m < 4; ++m) block.qh[m] = digits(240 + m, 4, 4);
}

void encode(const float* in, BlockTQ2_0& block) {
  const Ternary made = ternary(in);
  block = {};
  block.d = made.d;
  for (int i = 0; i < 256; ++i) {
    uint8_t& byte = block.qs[32 * (i / 128) + i % 32];
    byte = static_cast<uint8_t>(byte | ((made.q[static_cast<size_t>(i)] + 1) << (2 * (i % 128 / 32))));
  }
}

// The extreme is at most 6 steps of the larger scale tried, and above 4 of it or at the top of the smaller one, which
// may cut it off and still fit the rest better: the one of smaller squared error is taken.
void encode(const float* in, BlockMXFP4& block) {
  const auto x = cleaned<32>(in);
  const float largest = std::fabs(extreme_of(x.data(), 32));
  int best = 0;
  if (largest > 0.0f) {
    const int low = std::clamp(std::ilogb(largest) - 2 + 127, 0, 254), high = std::min(low + 1, 254);
    const double low_error = mxfp4_error(x.data(), half_e8m0(static_cast<uint8_t>(low)));
    const double high_error = mxfp4_error(x.data(), half_e8m0(static_cast<uint8_t>(high)));
    best = high_error < low_error ? high : low;
  }
  block.e = static_cast<uint8_t>(best);
  const float half_scale = half_e8m0(block.e);
  for (int j = 0; j < 16; ++j)
    block.qs[j] = static_cast<uint8_t>(e2m1_code(x[static_cast<size_t>(j)], half_scale) |
                                       (e2m1_code(x[static_cast<size_t>(j + 16)], half_scale) << 4));
}

}  // namespace quandex
