// Checks of the matrix kernels for one level, format and shape. Each returns an empty string or the first failure.
#pragma once

#include <string>

#include "base/cpu_features.h"
#include "format/dtype.h"

namespace quandex::cpu {

struct LinearCase {
  IsaLevel level = IsaLevel::base;
  DType type = DType::f32;
  bool exact_activations = false;
  int rows = 1, cols = 32;
};

std::string describe(const LinearCase& c);

// The product for 1 to 9, 33 and 70 tokens against double precision. Where activations are quantized, twice: against
// the given ones, with half a quantization step allowed, and against the quantized ones, with float rounding alone.
std::string check_product(const LinearCase& c);

// Every token alone, any split of the rows and any split of the quantization give the bits of the whole.
std::string check_batch_invariance(const LinearCase& c);

// Codes and activations at the ends of their ranges, where narrow intermediate sums would saturate.
std::string check_extreme_codes(const LinearCase& c);

// Bias and accumulation into the output.
std::string check_bias_and_add(const LinearCase& c);

// A token with infinity or NaN gives NaN everywhere and leaves its neighbours alone.
std::string check_not_finite(const LinearCase& c);

// Storage from several segments in any order; then every row unpacks to the bits of decode_row, for arbitrary bytes.
std::string check_unpacking(const LinearCase& c);

}  // namespace quandex::cpu
