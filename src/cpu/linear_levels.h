// The tables of all levels, each defined by its translation unit where the build has it (linear_isa_*.cpp chooses).
#pragma once

#include "cpu/linear_kernels.h"

namespace quandex::cpu {

const LinearKernels& base_linear_kernels();
const LinearKernels& avx2_linear_kernels();
const LinearKernels& avx512_vnni_linear_kernels();
const LinearKernels& neon_dotprod_linear_kernels();
const LinearKernels& neon_i8mm_linear_kernels();

}  // namespace quandex::cpu
