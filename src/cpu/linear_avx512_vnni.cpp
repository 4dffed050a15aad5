// The matrix kernels for x86 with AVX-512 (F, BW, VL, DQ) and VNNI.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "cpu/linear_kernels.h"
#include "cpu/linear_levels.h"
#include "cpu/pack_layout.h"

namespace quandex::cpu {
namespace avx512_vnni {
namespace {

#include "cpu/simd_avx512.inl"
// The vocabulary comes first.
#include "cpu/linear_dots.inl"
#include "cpu/linear_packed.inl"
#include "cpu/linear_rows.inl"

}  // namespace
}  // namespace avx512_vnni

const LinearKernels& avx512_vnni_linear_kernels() { return avx512_vnni::kTable; }

}  // namespace quandex::cpu
