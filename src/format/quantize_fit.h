// What the encoders share: cleaning of inputs, f16 rounding in a wanted direction, and the least-squares fits of
// scales.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "format/half.h"

namespace quandex {

// Beyond the range of every format with f16 scales, so clamping to it changes no result and keeps sums finite.
inline constexpr float kLargestInput = 1e9f;

template <int n>
std::array<float, n> cleaned(const float* in) {
  std::array<float, n> values;
  for (int i = 0; i < n; ++i) {
    values[static_cast<size_t>(i)] = std::isnan(in[i]) ? 0.0f : std::clamp(in[i], -kLargestInput, kLargestInput);
  }
  return values;
}

uint16_t f16_saturated(float value);

// The least f16 that is not below a magnitude >= 0; 65504 for what is larger.
uint16_t f16_at_least(float magnitude);

// The greatest f16 that is not above a value; -65504 for what is less.
uint16_t f16_at_most(float value);

// The integer nearest to value / step within [low, high], ties to even; 0 where the step is 0.
inline int quantized(float value, float step, int low, int high) {
  if (step == 0.0f) return std::clamp(0, low, high);
  const float q = std::clamp(value / step, static_cast<float>(low), static_cast<float>(high));
  // A sum this large keeps no fraction: the addition rounds, without the call that nearbyint is on baseline x86.
  constexpr float kNoFraction = 12582912.0f;  // 1.5 * 2^23
  return static_cast<int>((q + kNoFraction) - kNoFraction);
}

// The value of largest magnitude, with its sign.
float extreme_of(const float* values, int n);

struct AffineFit {
  float scale = 0.0f;
  float min = 0.0f;  // subtracted; never negative
};

// Scale and minimum for codes 0 .. top, weighted by mean magnitude plus magnitude.
AffineFit fit_affine(const float* x, int n, int top);

// The scale for codes -half .. half - 1, weighted by the values' magnitudes.
float fit_symmetric(const float* x, int n, int half);

// Scales of sub-blocks as codes -32 .. 31 times an f16. The one of largest magnitude takes code -32, the end that has
// one code more, so d has the opposite sign.
template <size_t n>
struct SignedScales {
  uint16_t d;
  std::array<int, n> codes;
};
template <size_t n>
SignedScales<n> signed_scales(const std::array<float, n>& scales) {
  const float extreme = extreme_of(scales.data(), static_cast<int>(n));
  SignedScales<n> made;
  made.d = f16_at_least(std::fabs(extreme) / 32.0f);
  if (extreme > 0.0f) made.d |= 0x8000u;
  for (size_t j = 0; j < n; ++j) made.codes[j] = quantized(scales[j], f32_from_f16(made.d), -32, 31);
  return made;
}

}  // namespace quandex
