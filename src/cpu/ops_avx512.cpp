#include "cpu/ops_kernels.h"

#include <immintrin.h>

namespace quandex::cpu {
namespace ops_avx512 {
// Each part uses the ones before it.
#include "cpu/ops_vector_avx512.inl"

#include "cpu/ops_kernels.inl"

#include "cpu/ops_attention.inl"

#include "cpu/ops_table.inl"
}  // namespace ops_avx512

const OpsKernels& ops_kernels_avx512() { return ops_avx512::kOpsKernels; }

}  // namespace quandex::cpu
