// The kernel tables of x86 builds.
#include "base/check.h"
#include "cpu/linear.h"
#include "cpu/linear_levels.h"

namespace quandex::cpu {

const LinearKernels& linear_kernels(IsaLevel level) {
  if (level == IsaLevel::base) return base_linear_kernels();
  if (level == IsaLevel::avx2) return avx2_linear_kernels();
  CHECK(level == IsaLevel::avx512_vnni);
  return avx512_vnni_linear_kernels();
}

}  // namespace quandex::cpu
