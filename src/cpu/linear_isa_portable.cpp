// The kernel tables of builds for other processors.
#include "base/check.h"
#include "cpu/linear.h"
#include "cpu/linear_levels.h"

namespace quandex::cpu {

const LinearKernels& linear_kernels(IsaLevel level) {
  CHECK(level == IsaLevel::base);
  return base_linear_kernels();
}

}  // namespace quandex::cpu
