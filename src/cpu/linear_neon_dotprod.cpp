// The matrix kernels for Arm with dot products.
#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "cpu/linear_kernels.h"
#include "cpu/linear_levels.h"
#include "cpu/pack_layout.h"

namespace quandex::cpu {
namespace neon_dotprod {
namespace {

#include "cpu/simd_neon.inl"
// The vocabulary comes first.
#include "cpu/linear_dots.inl"
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace neon_dotprod

const LinearKernels& neon_dotprod_linear_kernels() { return neon_dotprod::kTable; }

}  // namespace quandex::cpu
