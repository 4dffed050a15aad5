// The kernel tables of 64-bit Arm builds.
#include "base/check.h"
#include "cpu/linear.h"
#include "cpu/linear_levels.h"

namespace quandex::cpu {

const LinearKernels& linear_kernels(IsaLevel level) {
  if (level == IsaLevel::base) return base_linear_kernels();
  // The 8-bit matrix instructions multiply pairs of tokens only; that level computes with the dot products as well.
  CHECK(level == IsaLevel::neon_dotprod || level == IsaLevel::neon_i8mm);
  return neon_dotprod_linear_kernels();
}

}  // namespace quandex::cpu
