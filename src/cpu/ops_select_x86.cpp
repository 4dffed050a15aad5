#include "cpu/ops_select.h"

namespace quandex::cpu {

const OpsKernels& ops_kernels(IsaLevel level) {
  if (level == IsaLevel::avx512_vnni) return ops_kernels_avx512();
  return level == IsaLevel::avx2 ? ops_kernels_avx2() : ops_kernels_base();
}

}  // namespace quandex::cpu
