// The matrix kernels for Arm with 8-bit matrix products.
#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "cpu/linear_kernels.h"
#include "cpu/linear_levels.h"
#include "cpu/pack_layout.h"

namespace quandex::cpu {
namespace neon_i8mm {
namespace {

#include "cpu/simd_neon.inl"
// The vocabulary comes first.
#include "cpu/linear_dots.inl"
#include "cpu/linear_dots_i8mm.inl"
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace neon_i8mm

const LinearKernels& neon_i8mm_linear_kernels() { return neon_i8mm::kTable; }

}  // namespace quandex::cpu
