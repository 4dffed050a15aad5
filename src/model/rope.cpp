#include "model/rope.h"

#include <cmath>

#include "base/check.h"

namespace quandex {

std::vector<float> rope_inverse_frequencies(const RopeSpec& spec) {
  const auto n = static_cast<size_t>(spec.dims / 2);
  CHECK(spec.factors.empty() || spec.factors.size() == n);
  std::vector<float> inverse_freq(n);
  for (size_t i = 0; i < n; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / spec.dims;
    const double factor = spec.factors.empty() ? 1.0 : static_cast<double>(spec.factors[i]);
    inverse_freq[i] = static_cast<float>(std::pow(spec.base, exponent) / (factor * spec.position_scale));
  }
  return inverse_freq;
}

}  // namespace quandex
