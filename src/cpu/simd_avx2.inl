// The vocabulary of simd_base.inl with AVX2, FMA and F16C: 16 lanes are two registers.
//
// Integer dots add in 16 bits: a lane of a Dot is two 16-bit sums, of columns 4q, 4q + 1 and of 4q + 2, 4q + 3, which
// end as one 32-bit sum. Each is at most 8 columns * 63 or 16 columns * 15 times 127 before the zero point is taken
// off and below 2^15 after: additions may wrap on the way, the end is exact. Products of a pair of columns never
// saturate (2 * 63 * 127).

constexpr int kTileTokens = 4;
constexpr bool kHoldSums = false;
constexpr int kDotRows = 2, kDotTokens = 3;
constexpr int kStreamRows = 4;

struct Lanes {
  __m256 low, high;
};
struct Codes {
  __m256i low, high;
};
struct Dot {
  __m256i low, high;
};
struct Scales {  // each twice, for both 16-bit sums
  __m256i low, high;
};
struct WideCodes {
  __m256i low, high;
};
struct WideDot {
  __m256i low, high;
};

inline Lanes zero_lanes() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Lanes load_lanes(const unsigned char* p) {
  const float* values = reinterpret_cast<const float*>(p);
  return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)};
}
inline void store_lanes(Lanes x, float* p) {
  _mm256_storeu_ps(p, x.low);
  _mm256_storeu_ps(p + 8, x.high);
}
inline __m128i load_16_bytes(const unsigned char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m256i load_32_bytes(const unsigned char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Lanes load_f16(const unsigned char* p) {
  return {_mm256_cvtph_ps(load_16_bytes(p)), _mm256_cvtph_ps(load_16_bytes(p + 16))};
}
inline __m256 bf16_lanes(__m128i halves) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
inline Lanes load_bf16(const unsigned char* p) {
  return {bf16_lanes(load_16_bytes(p)), bf16_lanes(load_16_bytes(p + 16))};
}
inline Lanes load_u8(const unsigned char* p) {
  const __m128i bytes = load_16_bytes(p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline Lanes splat(const unsigned char* p) {
  const __m256 x = _mm256_broadcast_ss(reinterpret_cast<const float*>(p));
  return {x, x};
}
inline Lanes add(Lanes a, Lanes b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Lanes multiply(Lanes a, Lanes b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline float sum_of(Lanes x) {
  const __m256 eight = _mm256_add_ps(x.low, x.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline Codes load_codes(const unsigned char* p) { return {load_32_bytes(p), load_32_bytes(p + 32)}; }
inline Codes low_nibbles(Codes c) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(c.low, mask), _mm256_and_si256(c.high, mask)};
}
inline Codes high_nibbles(Codes c) { return low_nibbles({_mm256_srli_epi16(c.low, 4), _mm256_srli_epi16(c.high, 4)}); }
template <int field>
inline __m256i pair_at_bit_4(__m256i x) {
  if constexpr (field < 2) x = _mm256_slli_epi16(x, 4 - 2 * field);
  if constexpr (field > 2) x = _mm256_srli_epi16(x, 2 * field - 4);
  return _mm256_and_si256(x, _mm256_set1_epi8(0x30));
}
template <int field>
inline Codes high_pairs(Codes c) {
  return {pair_at_bit_4<field>(c.low), pair_at_bit_4<field>(c.high)};
}
inline Codes combine(Codes a, Codes b) { return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)}; }

// Two 16-bit halves: the columns 0, 1 of every quad, and 2, 3.
inline uint32_t correction(const signed char* codes) {
  int even = 0, odd = 0;
  for (int i = 0; i < 16; i += 4) {
    even += codes[i] + codes[i + 1];
    odd += codes[i + 2] + codes[i + 3];
  }
  return static_cast<uint32_t>(-8 * even) % 65536u | static_cast<uint32_t>(-8 * odd) << 16;
}
inline uint32_t add_corrections(uint32_t a, uint32_t b) { return (a + b) % 65536u | ((a >> 16) + (b >> 16)) << 16; }

inline Dot zero_dot() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline __m256i splat_4_bytes(const unsigned char* p) {
  int value;
  __builtin_memcpy(&value, p, 4);
  return _mm256_set1_epi32(value);
}
template <int shift>
inline Dot start_dot(const unsigned char* p) {
  const __m256i value = _mm256_slli_epi16(splat_4_bytes(p), shift);
  return {value, value};
}
// The value, opaque to the compiler: integer sums that it may regroup it regroups until the registers run out (measured
// with g++ 12 and clang 19 on the kernels of 4 tokens).
inline __m256i settled(__m256i x) {
  asm("" : "+x"(x));
  return x;
}
template <int quad>
inline Dot dot4(Dot dot, const Codes& codes, const unsigned char* p) {
  const __m256i a = splat_4_bytes(p + 4 * quad);
  return {settled(_mm256_add_epi16(dot.low, _mm256_maddubs_epi16(codes.low, a))),
          settled(_mm256_add_epi16(dot.high, _mm256_maddubs_epi16(codes.high, a)))};
}
inline Lanes to_lanes(Dot dot) {
  const __m256i ones = _mm256_set1_epi16(1);
  return {_mm256_cvtepi32_ps(_mm256_madd_epi16(dot.low, ones)), _mm256_cvtepi32_ps(_mm256_madd_epi16(dot.high, ones))};
}
inline __m256i twice_16_bits(__m128i eight_bytes) {
  const __m256i x = _mm256_cvtepi8_epi32(eight_bytes);
  return _mm256_or_si256(_mm256_and_si256(x, _mm256_set1_epi32(0xFFFF)), _mm256_slli_epi32(x, 16));
}
inline Scales load_scales(const unsigned char* p) {
  const __m128i bytes = load_16_bytes(p);
  return {twice_16_bits(bytes), twice_16_bits(_mm_srli_si128(bytes, 8))};
}
inline Lanes scaled_sum(Dot a, Scales scale_a, Dot b, Scales scale_b) {
  return {_mm256_cvtepi32_ps(
              _mm256_add_epi32(_mm256_madd_epi16(a.low, scale_a.low), _mm256_madd_epi16(b.low, scale_b.low))),
          _mm256_cvtepi32_ps(
              _mm256_add_epi32(_mm256_madd_epi16(a.high, scale_a.high), _mm256_madd_epi16(b.high, scale_b.high)))};
}

inline WideCodes load_wide_codes(const unsigned char* p) { return {load_32_bytes(p), load_32_bytes(p + 32)}; }
inline WideDot start_wide_dot(const unsigned char*) { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
// |w| times a with w's sign: a pair of columns is at most 2 * 128 * 127, just within 16 bits.
inline __m256i add_signed_products(__m256i dot, __m256i w, __m256i a) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
  return settled(_mm256_add_epi32(dot, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
}
template <int quad>
inline WideDot dot4(WideDot dot, const WideCodes& codes, const unsigned char* p) {
  const __m256i a = splat_4_bytes(p + 4 * quad);
  return {add_signed_products(dot.low, codes.low, a), add_signed_products(dot.high, codes.high, a)};
}
inline Lanes to_lanes(WideDot dot) { return {_mm256_cvtepi32_ps(dot.low), _mm256_cvtepi32_ps(dot.high)}; }
