// The RoPE part of a model's metadata.
#pragma once

#include "format/weight_source.h"
#include "model/architectures.h"

namespace quandex {

// rope.* keys and the tensors rope_freqs.weight, rope_factors_long.weight and rope_factors_short.weight. Throws
// Error{unsupported} for kinds that rope.h does not have and Error{invalid_file} for values that make no sense.
RopeSpec read_rope(const Keys& keys, const WeightSource& weights, int head_dim);

// Gives layers without rotation a table of their own, stretches n_ctx_train where a scaling allows longer texts, and
// works out the lengths that choose among a model's tables.
void settle_ropes(ModelConfig& config, const Keys& keys, const Architecture& architecture);

}  // namespace quandex
