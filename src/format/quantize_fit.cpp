#include "format/quantize_fit.h"

namespace quandex {
namespace {

// How the K-quant fits search: rounding against the full range divided by top + d for a few d, each time solving for
// the scale that then fits best, finds a smaller weighted error than the plain range does.
constexpr std::array<float, 9> kSearchOffsets = {0.0f, -0.8f, -0.6f, -0.4f, -0.2f, 0.2f, 0.4f, 0.6f, 0.8f};

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

}  // namespace

uint16_t f16_saturated(float value) { return f16_from_f32(std::clamp(value, -65504.0f, 65504.0f)); }

uint16_t f16_at_least(float magnitude) {
  const uint16_t half = f16_saturated(magnitude);
  return f32_from_f16(half) < magnitude && half < kF16Largest ? static_cast<uint16_t>(half + 1) : half;
}

uint16_t f16_at_most(float value) {
  const uint16_t half = f16_saturated(value);
  if (f32_from_f16(half) <= value) return half;
  if (half & 0x8000u) return half == (0x8000u | kF16Largest) ? half : static_cast<uint16_t>(half + 1);
  return half == 0 ? static_cast<uint16_t>(0x8001u) : static_cast<uint16_t>(half - 1);
}

float extreme_of(const float* values, int n) {
  float extreme = 0.0f;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  return extreme;
}

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
      const double weight = std::fabs(x[i]);
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

}  // namespace quandex
