#include "cpu/ops_kernels.h"

#include <arm_neon.h>

namespace quandex::cpu {
namespace ops_neon {
// Each part uses the ones before it.
#include "cpu/ops_vector_neon.inl"

#include "cpu/ops_kernels.inl"

#include "cpu/ops_attention.inl"

#include "cpu/ops_table.inl"
}  // namespace ops_neon

const OpsKernels& ops_kernels_neon() { return ops_neon::kOpsKernels; }

}  // namespace quandex::cpu
