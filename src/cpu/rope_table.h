// Cosines and sines of a step's tokens, computed once per step and used by every layer with the same rotation.
#pragma once

#include <cstddef>

#include "backend/tensor.h"

namespace quandex::cpu {

struct RopeTable {
  RopeConfig rope;
  Tensor positions, sequence_starts, rope_variants;
  int n_tokens = 0, n_sequences = 0;
  float* values = nullptr;  // [n_tokens, cosines (dims / 2) | sines (dims / 2)]

  const float* cosines(int token) const { return values + static_cast<ptrdiff_t>(token) * rope.dims; }
  const float* sines(int token) const { return cosines(token) + rope.dims / 2; }
};

bool is_same_rotation(const RopeTable& a, const RopeTable& b);

// Fills the rows [first_token, end_token).
void fill_rope_table(const RopeTable& table, int first_token, int end_token);

}  // namespace quandex::cpu
