// An empty asm that "changes" an operand keeps the compiler from hoisting a product of loop invariants.
#include <immintrin.h>

#include <algorithm>
#include <array>

#include "cli/roof_kernels.h"

namespace quandex::cli {
namespace {

constexpr int kAccumulators = 12;  // enough independent chains to hide 4 to 6 cycles of latency on two or three ports
constexpr size_t kPrefetchBytes = 2048;

using Read = uint64_t (*)(const std::byte*, size_t);

// ---- base: SSE2 ----

template <int kStreams, bool kPrefetch>
uint64_t read_sse2(const std::byte* data, size_t bytes) {
  const size_t part = bytes / kStreams;
  __m128i sums[kStreams]{};
  for (size_t at = 0; at < part; at += 64) {
    for (size_t s = 0; s < kStreams; ++s) {
      const std::byte* line = data + s * part + at;
      if (kPrefetch) _mm_prefetch(reinterpret_cast<const char*>(line + kPrefetchBytes), _MM_HINT_T0);
      for (size_t i = 0; i < 64; i += 16)
        sums[s] = _mm_add_epi64(sums[s], _mm_load_si128(reinterpret_cast<const __m128i*>(line + i)));
    }
  }
  __m128i sum = _mm_setzero_si128();
  for (const __m128i& s : sums) sum = _mm_add_epi64(sum, s);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(sum)) +
         static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_srli_si128(sum, 8)));
}

int32_t int8_dot_sse2(int64_t n_iterations) {
  __m128i sums[kAccumulators]{};
  __m128i a = _mm_set1_epi16(3), b = _mm_set1_epi16(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m128i& sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm_add_epi32(sum, _mm_madd_epi16(a, b));
    }
  }
  __m128i total = _mm_setzero_si128();
  for (const __m128i& sum : sums) total = _mm_add_epi32(total, sum);
  return _mm_cvtsi128_si32(total);
}

float f32_multiply_add_sse2(int64_t n_iterations) {
  __m128 sums[kAccumulators]{};
  __m128 a = _mm_set1_ps(0.5f), b = _mm_set1_ps(1.0f);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m128& sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm_add_ps(sum, _mm_mul_ps(a, b));
    }
  }
  __m128 total = _mm_setzero_ps();
  for (const __m128& sum : sums) total = _mm_add_ps(total, sum);
  return _mm_cvtss_f32(total);
}

// ---- AVX2 ----

template <int kStreams, bool kPrefetch>
[[gnu::target("avx2,fma")]] uint64_t read_avx2(const std::byte* data, size_t bytes) {
  const size_t part = bytes / kStreams;
  __m256i sums[kStreams][2]{};
  for (size_t at = 0; at < part; at += 128) {
    for (size_t s = 0; s < kStreams; ++s) {
      const std::byte* line = data + s * part + at;
      if (kPrefetch) {
        _mm_prefetch(reinterpret_cast<const char*>(line + kPrefetchBytes), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(line + kPrefetchBytes + 64), _MM_HINT_T0);
      }
      for (size_t i = 0; i < 128; i += 32)
        sums[s][i / 32 % 2] =
            _mm256_add_epi64(sums[s][i / 32 % 2], _mm256_load_si256(reinterpret_cast<const __m256i*>(line + i)));
    }
  }
  __m256i sum = _mm256_setzero_si256();
  for (size_t s = 0; s < kStreams; ++s) sum = _mm256_add_epi64(sum, _mm256_add_epi64(sums[s][0], sums[s][1]));
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(half)) +
         static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_srli_si128(half, 8)));
}

[[gnu::target("avx2,fma")]] int32_t int8_dot_avx2(int64_t n_iterations) {
  __m256i sums[kAccumulators]{};
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  __m256i total = _mm256_setzero_si256();
  for (const __m256i& sum : sums) total = _mm256_add_epi32(total, sum);
  return _mm256_extract_epi32(total, 0);
}

[[gnu::target("avx2,fma")]] float f32_multiply_add_avx2(int64_t n_iterations) {
  __m256 sums[kAccumulators]{};
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m256& sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm256_fmadd_ps(a, b, sum);
    }
  }
  __m256 total = _mm256_setzero_ps();
  for (const __m256& sum : sums) total = _mm256_add_ps(total, sum);
  return _mm256_cvtss_f32(total);
}

// ---- AVX-512 with VNNI ----

template <int kStreams, bool kPrefetch>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]] uint64_t read_avx512(const std::byte* data,
                                                                                      size_t bytes) {
  const size_t part = bytes / kStreams;
  __m512i sums[kStreams][2]{};
  for (size_t at = 0; at < part; at += 128) {
    for (size_t s = 0; s < kStreams; ++s) {
      const std::byte* line = data + s * part + at;
      if (kPrefetch) {
        _mm_prefetch(reinterpret_cast<const char*>(line + kPrefetchBytes), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(line + kPrefetchBytes + 64), _MM_HINT_T0);
      }
      sums[s][0] = _mm512_add_epi64(sums[s][0], _mm512_load_si512(line));
      sums[s][1] = _mm512_add_epi64(sums[s][1], _mm512_load_si512(line + 64));
    }
  }
  __m512i sum = _mm512_setzero_si512();
  for (size_t s = 0; s < kStreams; ++s) sum = _mm512_add_epi64(sum, _mm512_add_epi64(sums[s][0], sums[s][1]));
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, sum);
  uint64_t total = 0;
  for (const uint64_t lane : lanes) total += lane;
  return total;
}

[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]] int32_t int8_dot_avx512(int64_t n_iterations) {
  __m512i sums[kAccumulators]{};
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(1);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m512i& sum : sums) {
      asm volatile("" : "+v"(a));
      sum = _mm512_dpbusd_epi32(sum, a, b);
    }
  }
  __m512i total = _mm512_setzero_si512();
  for (const __m512i& sum : sums) total = _mm512_add_epi32(total, sum);
  alignas(64) int32_t lanes[16];
  _mm512_store_si512(lanes, total);
  return lanes[0];
}

[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]] float f32_multiply_add_avx512(int64_t n_iterations) {
  __m512 sums[kAccumulators]{};
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f);
  for (int64_t n = 0; n < n_iterations; ++n) {
    for (__m512& sum : sums) {
      asm volatile("" : "+v"(a));
      sum = _mm512_fmadd_ps(a, b, sum);
    }
  }
  __m512 total = _mm512_setzero_ps();
  for (const __m512& sum : sums) total = _mm512_add_ps(total, sum);
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, total);
  return lanes[0];
}

constexpr std::array<Read, 4> kReadSse2{read_sse2<1, true>, read_sse2<2, true>, read_sse2<4, false>,
                                        read_sse2<4, true>};
constexpr std::array<Read, 5> kReadAvx2{read_avx2<1, true>, read_avx2<2, true>, read_avx2<4, false>, read_avx2<4, true>,
                                        read_avx2<8, true>};
constexpr std::array<Read, 5> kReadAvx512{read_avx512<1, true>, read_avx512<2, true>, read_avx512<4, false>,
                                          read_avx512<4, true>, read_avx512<8, true>};

constexpr std::array<RoofKernels, 3> kKernels{{
    {IsaLevel::base, kReadSse2, int8_dot_sse2, 2 * 8 * kAccumulators, f32_multiply_add_sse2, 2 * 4 * kAccumulators},
    {IsaLevel::avx2, kReadAvx2, int8_dot_avx2, 2 * 32 * kAccumulators, f32_multiply_add_avx2, 2 * 8 * kAccumulators},
    {IsaLevel::avx512_vnni, kReadAvx512, int8_dot_avx512, 2 * 64 * kAccumulators, f32_multiply_add_avx512,
     2 * 16 * kAccumulators},
}};

}  // namespace

std::span<const RoofKernels> roof_kernels() {
  return std::span(kKernels).first(std::min(kKernels.size(), supported_isa_levels().size()));
}

}  // namespace quandex::cli
