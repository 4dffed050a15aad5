// Scalar encoders: one block from its floats. Scales and minimums are rounded outwards where that keeps the extremes in
// reach, and values are rounded against the scale as stored. Blocks always hold finite numbers: what exceeds a format's
// range saturates, NaN becomes 0. (f32, f16 and bf16 convert as IEEE 754 has it instead.)
#pragma once

#include "format/quant.h"
#include "format/quant_grid.h"
#include "format/quant_k.h"

namespace quandex {

void encode(const float* in, BlockF32& block);
void encode(const float* in, BlockF16& block);
void encode(const float* in, BlockBf16& block);
void encode(const float* in, BlockQ4_0& block);
void encode(const float* in, BlockQ4_1& block);
void encode(const float* in, BlockQ5_0& block);
void encode(const float* in, BlockQ5_1& block);
void encode(const float* in, BlockQ8_0& block);
void encode(const float* in, BlockQ8_1& block);
void encode(const float* in, BlockQ2K& block);
void encode(const float* in, BlockQ3K& block);
void encode(const float* in, BlockQ4K& block);
void encode(const float* in, BlockQ5K& block);
void encode(const float* in, BlockQ6K& block);
void encode(const float* in, BlockQ8K& block);
void encode(const float* in, BlockIQ4NL& block);
void encode(const float* in, BlockIQ4XS& block);
void encode(const float* in, BlockTQ1_0& block);
void encode(const float* in, BlockTQ2_0& block);
void encode(const float* in, BlockMXFP4& block);

}  // namespace quandex
