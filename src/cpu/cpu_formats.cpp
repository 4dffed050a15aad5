// Which formats the CPU backend has kernels for, for tables and reports.
#include "backend/backends.h"
#include "cpu/linear.h"

namespace quandex {

bool has_cpu_kernels(DType type) {
  const bool is_plain = type == DType::f32 || type == DType::f16 || type == DType::bf16;
  return is_plain || cpu::is_packed(type, /*exact_activations=*/false);
}

}  // namespace quandex
