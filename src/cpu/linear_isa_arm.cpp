// The kernel tables of 64-bit Arm builds.
#include "base/check.h"
#include "cpu/linear.h"
#include "cpu/linear_levels.h"

namespace quandex::cpu {

const LinearKernels& linear_kernels(IsaLevel level) {
  if (level == IsaLevel::base) return base_linear_kernels();
  if (level == IsaLevel::neon_dotprod) return neon_dotprod_linear_kernels();
  CHECK(level == IsaLevel::neon_i8mm);
  return neon_i8mm_linear_kernels();
}

}  // namespace quandex::cpu
