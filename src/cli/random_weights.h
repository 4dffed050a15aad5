// Seeded random weights, the same on every machine and for every thread count: each row's numbers are keyed by the
// seed, the tensor's name and the row.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace quandex::cli {

uint64_t row_key(uint64_t seed, std::string_view tensor, int64_t row);

// Values near enough to normal: the centred sum of four random bytes, scaled to the standard deviation.
void fill_random_row(uint64_t key, float standard_deviation, std::span<float> row);

}  // namespace quandex::cli
