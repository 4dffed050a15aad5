// The matrix kernels for Arm with the 8-bit integer matrix extension.
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
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace neon_i8mm

const LinearKernels& neon_i8mm_linear_kernels() { return neon_i8mm::kTable; }

}  // namespace quandex::cpu
