// The backends this build knows, by factory. Defined in cpu/, reference.cpp, … ; nobody includes those folders.
#pragma once

#include <memory>
#include <optional>

#include "backend/backend.h"
#include "base/cpu_features.h"
#include "base/thread_pool.h"

namespace quandex {

// Double-precision accumulation, one thread, no tricks: the truth that every other backend is compared with.
std::unique_ptr<Backend> make_reference_backend();

struct CpuOptions {
  std::optional<IsaLevel> isa;     // none: the best of this machine, or QUANDEX_ISA from the environment
  bool exact_activations = false;  // true: never quantize activations to 8 bits (slower; for parity tests)
};
// The pool must outlive the backend. Throws Error{unsupported} for a level this machine lacks.
std::unique_ptr<Backend> make_cpu_backend(ThreadPool& pool, const CpuOptions& options = {});

// Whether the CPU backend has kernels of its own for the format; all others take its generic path.
bool has_cpu_kernels(DType type);

}  // namespace quandex
