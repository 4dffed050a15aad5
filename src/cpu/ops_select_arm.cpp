#include "cpu/ops_select.h"

namespace quandex::cpu {

// Integer dot products are what sets the Arm levels apart, and nothing here uses them.
const OpsKernels& ops_kernels(IsaLevel) { return ops_kernels_neon(); }

}  // namespace quandex::cpu
