// The matrix kernels for any processor of the architecture.
#include <cstddef>
#include <cstdint>

#include "cpu/linear_kernels.h"
#include "cpu/linear_levels.h"
#include "cpu/pack_layout.h"

namespace quandex::cpu {
namespace base {
namespace {

#include "cpu/simd_base.inl"
// The vocabulary comes first.
#include "cpu/linear_dots.inl"
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace base

const LinearKernels& base_linear_kernels() { return base::kTable; }

}  // namespace quandex::cpu
