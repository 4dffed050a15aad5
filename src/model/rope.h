// RoPE tables: every kind of scaling becomes inverse frequencies at load.
#pragma once

#include <vector>

#include "model/config.h"

namespace quandex {

// dims / 2 inverse frequencies: base^(-2i / dims), each divided by its factor and by the position scale. Computed in
// double. Source: Su et al., "RoFormer" (2021), section 3.2.2; factors as in Llama 3.1 and GGUF's rope_freqs.weight.
std::vector<float> rope_inverse_frequencies(const RopeSpec& spec);

}  // namespace quandex
