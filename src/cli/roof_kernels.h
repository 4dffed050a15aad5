// The loops whose speed is a machine's roof: reading memory and multiplying, at each ISA level, on one thread. They do
// nothing else; roofs.cpp runs them on all threads and takes the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu_features.h"

namespace quandex::cli {

struct RoofKernels {
  IsaLevel isa;
  // Ways to read a buffer: each sums its 64-bit words with wide loads; they differ in the number of streams they read
  // at once and in prefetching. bytes is a multiple of kReadGranule. The result only keeps the loads from being
  // dropped.
  std::span<uint64_t (*const)(const std::byte* data, size_t bytes)> read;
  // Dot products of 8-bit integers into 32-bit sums, and fused (or plain) multiply-adds of floats, on registers only.
  int32_t (*int8_dot)(int64_t n_iterations);
  int64_t int8_operations;  // an iteration; a multiplication and an addition count as two
  float (*f32_multiply_add)(int64_t n_iterations);
  int64_t f32_operations;
};

inline constexpr size_t kReadGranule = 8192;

// For the levels this machine has, lowest first. Defined in roof_kernels_x86.cpp or roof_kernels_arm.cpp.
std::span<const RoofKernels> roof_kernels();

}  // namespace quandex::cli
