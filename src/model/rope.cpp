#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace quandex {
namespace {

// The dimension (a fraction) whose frequency turns `rotations` times within the original context.
double yarn_dimension(const RopeSpec& spec, double rotations) {
  return spec.dims * std::log(spec.original_context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(spec.base));
}

// How much of dimension i is interpolated, 0 to 1.
double yarn_ramp(const RopeSpec& spec, size_t i) {
  double low = yarn_dimension(spec, spec.beta_fast), high = yarn_dimension(spec, spec.beta_slow);
  if (spec.truncates) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, spec.dims - 1.0);
  if (low == high) high += 0.001;
  return std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
}

double base_for(const RopeSpec& spec, int64_t length) {
  if (spec.scaling != RopeScaling::dynamic || length <= spec.original_context) return spec.base;
  const double stretch = spec.factor * static_cast<double>(length) / spec.original_context - (spec.factor - 1);
  return spec.base * std::pow(stretch, spec.dims / (spec.dims - 2.0));
}

// At least one token beyond the original context.
int64_t longest_context(const RopeSpec& spec) {
  return std::max(static_cast<int64_t>(std::ceil(spec.factor * spec.original_context)),
                  int64_t{spec.original_context} + 1);
}

}  // namespace

std::vector<float> rope_inverse_frequencies(const RopeSpec& spec, int64_t length) {
  const auto n = static_cast<size_t>(spec.dims / 2);
  const bool is_long = spec.scaling == RopeScaling::longrope && length > spec.original_context;
  const std::vector<float>& factors = is_long ? spec.long_factors : spec.factors;
  CHECK(factors.empty() || factors.size() == n);
  const double base = base_for(spec, length);
  std::vector<float> inverse_freq(n);
  for (size_t i = 0; i < n; ++i) {
    double frequency = std::pow(base, -2.0 * static_cast<double>(i) / spec.dims);
    if (!factors.empty()) frequency /= static_cast<double>(factors[i]);
    if (spec.scaling == RopeScaling::linear) frequency /= spec.factor;
    if (spec.scaling == RopeScaling::yarn) {
      const double ramp = yarn_ramp(spec, i);
      frequency = frequency / spec.factor * ramp + frequency * (1 - ramp);
    }
    inverse_freq[i] = static_cast<float>(frequency);
  }
  return inverse_freq;
}

std::vector<int> rope_variant_lengths(const RopeSpec& spec) {
  if (spec.dims == 0) return {};
  if (spec.scaling == RopeScaling::longrope) return {spec.original_context};
  if (spec.scaling != RopeScaling::dynamic || spec.factor <= 1) return {};
  // One table a length as far as that takes little memory: 4096 tables of heads as wide as 2048.
  constexpr int64_t kMostTables = 4096, kMostValues = 4096 * 1024;
  const int64_t n_tables = std::clamp<int64_t>(kMostValues / (spec.dims / 2), 1, kMostTables);
  const int64_t longest = longest_context(spec), n = longest - spec.original_context;
  const int64_t step = (n + n_tables - 1) / n_tables;
  std::vector<int> lengths;
  for (int64_t length = spec.original_context; length < longest; length += step)
    lengths.push_back(static_cast<int>(length));
  return lengths;
}

std::vector<float> rope_tables(const RopeSpec& spec, std::span<const int> lengths) {
  std::vector<float> tables;
  const auto add = [&](int64_t length) {
    const std::vector<float> table = rope_inverse_frequencies(spec, length);
    tables.insert(tables.end(), table.begin(), table.end());
  };
  for (const int length : lengths) add(length);
  add(longest_context(spec));
  return tables;
}

double default_yarn_attention_factor(double factor) { return factor <= 1 ? 1.0 : 0.1 * std::log(factor) + 1.0; }

double default_longrope_attention_factor(double factor, int original_context) {
  return factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(original_context));
}

std::vector<float> llama3_rope_factors(int dims, double base, double factor, double low_freq_factor,
                                       double high_freq_factor, double original_context) {
  std::vector<float> factors;
  for (int i = 0; i < dims / 2; ++i) {
    const double turns = original_context * std::pow(base, -2.0 * i / dims) / (2 * std::numbers::pi);
    const double kept = std::clamp((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / ((1 - kept) / factor + kept)));
  }
  return factors;
}

}  // namespace quandex
