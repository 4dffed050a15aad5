// An empty asm that "changes" an operand keeps the compiler from hoisting a product of loop invariants.
#include <arm_neon.h>

#include <algorithm>
#include <array>

#include "cli/roof_kernels.h"

namespace quandex::cli {
namespace {

constexpr int kAccumulators = 16;  // enough independent chains to hide 4 cycles of latency on four pipes
constexpr size_t kPrefetchBytes = 2048;

using Read = uint64_t (*)(const std::byte*, size_t);

template <int kStreams, bool kPrefetch>
uint64_t read_neon(const std::byte* data, size_t bytes) {
  const size_t part = bytes / kStreams;
  uint64x2_t sums[kStreams][2]{};
  for (size_t at = 0; at < part; at += 64) {
    for (size_t s = 0; s < kStreams; ++s) {
      const std::byte* line = data + s * part + at;
      if (kPrefetch) __builtin_prefetch(line + kPrefetchBytes);
      for (size_t i = 0; i < 64; i += 16)
        sums[s][i / 16 % 2] = vaddq_u64(sums[s][i / 16 % 2], vld1q_u64(reinterpret_cast<const uint64_t*>(line + i)));
    }
  }
  uint64x2_t sum = vdupq_n_u64(0);
  for (size_t s = 0; s < kStreams; ++s) sum = vaddq_u64(sum, vaddq_u64(sums[s][0], sums[s][1]));
  return vgetq_lane_u64(sum, 0) + vgetq_lane_u64(sum, 1);
}

int32_t sum_of(const int32x4_t (&sums)[kAccumulators]) {
  int32x4_t total = vdupq_n_s32(0);
  for (const int32x4_t& sum : sums) total = vaddq_s32(total, sum);
  return vaddvq_s32(total);
}

int32_t int8_dot_neon(int64_t n_iterations) {
  int32x4_t sums[kAccumulators]{};
  int8x8_t a = vdup_n_s8(3), b = vdup_n_s8(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (int32x4_t& sum : sums) {
      asm volatile("" : "+w"(a));
      sum = vpadalq_s16(sum, vmull_s8(a, b));
    }
  }
  return sum_of(sums);
}

[[gnu::target("arch=armv8.2-a+dotprod")]] int32_t int8_dot_dotprod(int64_t n_iterations) {
  int32x4_t sums[kAccumulators]{};
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (int32x4_t& sum : sums) {
      asm volatile("" : "+w"(a));
      sum = vdotq_s32(sum, a, b);
    }
  }
  return sum_of(sums);
}

[[gnu::target("arch=armv8.2-a+dotprod+i8mm")]] int32_t int8_dot_i8mm(int64_t n_iterations) {
  int32x4_t sums[kAccumulators]{};
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (int32x4_t& sum : sums) {
      asm volatile("" : "+w"(a));
      sum = vmmlaq_s32(sum, a, b);
    }
  }
  return sum_of(sums);
}

float f32_multiply_add_neon(int64_t n_iterations) {
  float32x4_t sums[kAccumulators]{};
  float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(1.0f);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (float32x4_t& sum : sums) {
      asm volatile("" : "+w"(a));
      sum = vfmaq_f32(sum, a, b);
    }
  }
  float32x4_t total = vdupq_n_f32(0);
  for (const float32x4_t& sum : sums) total = vaddq_f32(total, sum);
  return vaddvq_f32(total);
}

constexpr std::array<Read, 4> kRead{read_neon<1, true>, read_neon<2, true>, read_neon<4, false>, read_neon<4, true>};
constexpr int64_t kF32Operations = 2 * 4 * kAccumulators;

constexpr std::array<RoofKernels, 3> kKernels{{
    {IsaLevel::base, kRead, int8_dot_neon, 2 * 8 * kAccumulators, f32_multiply_add_neon, kF32Operations},
    {IsaLevel::neon_dotprod, kRead, int8_dot_dotprod, 2 * 16 * kAccumulators, f32_multiply_add_neon, kF32Operations},
    {IsaLevel::neon_i8mm, kRead, int8_dot_i8mm, 2 * 32 * kAccumulators, f32_multiply_add_neon, kF32Operations},
}};

}  // namespace

std::span<const RoofKernels> roof_kernels() {
  return std::span(kKernels).first(std::min(kKernels.size(), supported_isa_levels().size()));
}

}  // namespace quandex::cli
