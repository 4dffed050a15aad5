#include "cpu/ops_kernels.h"

#include <immintrin.h>

namespace quandex::cpu {
namespace ops_base {
// Each part uses the ones before it.
#include "cpu/ops_vector_base.inl"

#include "cpu/ops_kernels.inl"

#include "cpu/ops_attention.inl"

#include "cpu/ops_table.inl"
}  // namespace ops_base

const OpsKernels& ops_kernels_base() { return ops_base::kOpsKernels; }

}  // namespace quandex::cpu
