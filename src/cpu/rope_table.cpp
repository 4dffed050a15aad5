#include "cpu/rope_table.h"

#include <cmath>
#include <cstdint>

#include "cpu/cpu_buffer.h"

namespace quandex::cpu {
namespace {

bool is_same_memory(Tensor a, Tensor b) { return a.buffer == b.buffer && a.offset == b.offset; }

}  // namespace

bool is_same_rotation(const RopeTable& a, const RopeTable& b) {
  return a.rope.dims == b.rope.dims && is_same_memory(a.rope.scale, b.rope.scale) &&
         is_same_memory(a.rope.inverse_freq, b.rope.inverse_freq) && is_same_memory(a.positions, b.positions) &&
         is_same_memory(a.rope_variants, b.rope_variants) && a.n_tokens == b.n_tokens;
}

void fill_rope_table(const RopeTable& table, int first_token, int end_token) {
  const int32_t* starts = read_integers(table.sequence_starts);
  const int32_t* positions = read_integers(table.positions);
  const int32_t* variants = read_integers(table.rope_variants);
  const int half = table.rope.dims / 2;
  int sequence = 0;
  for (int token = first_token; token < end_token; ++token) {
    while (starts[sequence + 1] <= token) ++sequence;
    const int variant = variants[sequence];
    CHECK(variant >= 0 && variant < table.rope.inverse_freq.rows);
    const float* frequencies = read_row(table.rope.inverse_freq, variant);
    const double scale = static_cast<double>(*read_row(table.rope.scale, variant));
    float* cosines = table.values + static_cast<ptrdiff_t>(token) * table.rope.dims;
    for (int i = 0; i < half; ++i) {
      const double angle = static_cast<double>(positions[token]) * static_cast<double>(frequencies[i]);
      cosines[i] = static_cast<float>(std::cos(angle) * scale);
      cosines[half + i] = static_cast<float>(std::sin(angle) * scale);
    }
  }
}

}  // namespace quandex::cpu
