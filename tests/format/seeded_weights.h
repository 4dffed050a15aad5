// Weights by the formula of tools/make_qwen3c_fixtures.py, so that the sources of its fixtures need not be stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quandex {

// mean + spread * [-1, 1) from the bits of a hash of the index.
inline std::vector<float> seeded_weights(uint32_t seed, size_t n, float spread, float mean = 0) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u + seed * 40503u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    values[i] = mean + spread * (static_cast<float>(x >> 8) / 8388608.0f - 1.0f);
  }
  return values;
}

}  // namespace quandex
