#include "cli/random_weights.h"

namespace quandex::cli {
namespace {

// A bijection of 64 bits whose output on a counter passes for random (the finaliser of SplitMix64, Steele et al. 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t kCounterStep = 0x9e3779b97f4a7c15u;

// Byte sums have mean 4 * 127.5 and variance 4 * (256² - 1) / 12.
float centred_byte_sum(uint32_t bits) {
  const uint32_t pairs = (bits & 0x00ff00ffu) + ((bits >> 8) & 0x00ff00ffu);
  return static_cast<float>((pairs & 0xffffu) + (pairs >> 16)) - 510.0f;
}
constexpr float kByteSumDeviation = 147.801f;

}  // namespace

uint64_t row_key(uint64_t seed, std::string_view tensor, int64_t row) {
  uint64_t key = mix(seed + kCounterStep);
  for (const char c : tensor) key = mix(key + static_cast<unsigned char>(c) + kCounterStep);
  return mix(key + static_cast<uint64_t>(row) * kCounterStep);
}

void fill_random_row(uint64_t key, float standard_deviation, std::span<float> row) {
  const float scale = standard_deviation / kByteSumDeviation;
  for (size_t i = 0; i < row.size(); i += 2) {
    const uint64_t bits = mix(key + (i / 2 + 1) * kCounterStep);
    row[i] = centred_byte_sum(static_cast<uint32_t>(bits)) * scale;
    if (i + 1 < row.size()) row[i + 1] = centred_byte_sum(static_cast<uint32_t>(bits >> 32)) * scale;
  }
}

}  // namespace quandex::cli
