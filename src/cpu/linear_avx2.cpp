// The matrix kernels for x86 with AVX2, FMA and F16C.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "cpu/linear_kernels.h"
#include "cpu/linear_levels.h"
#include "cpu/pack_layout.h"

namespace quandex::cpu {
namespace avx2 {
namespace {

#include "cpu/simd_avx2.inl"
// The vocabulary comes first.
#include "cpu/linear_dots.inl"
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace avx2

const LinearKernels& avx2_linear_kernels() { return avx2::kTable; }

}  // namespace quandex::cpu
