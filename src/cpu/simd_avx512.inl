// The vocabulary of simd_base.inl with AVX-512 (F, BW, VL, DQ) and VNNI: 16 lanes are one register, and a lane of a dot
// is one 32-bit sum. The dot instruction takes unsigned codes; signed ones are moved up by 128 and corrected.

constexpr int kTileTokens = 8;
constexpr bool kHoldSums = true;
constexpr int kDotRows = 4, kDotTokens = 4;
constexpr int kStreamRows = 4;

struct Lanes {
  __m512 v;
};
struct Codes {
  __m512i v;
};
struct Dot {
  __m512i v;
};
using Scales = Dot;
using WideCodes = Codes;
using WideDot = Dot;

inline Lanes zero_lanes() { return {_mm512_setzero_ps()}; }
inline Lanes load_lanes(const unsigned char* p) { return {_mm512_loadu_ps(p)}; }
inline void store_lanes(Lanes x, float* p) { _mm512_storeu_ps(p, x.v); }
inline __m256i load_32_bytes(const unsigned char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m128i load_16_bytes(const unsigned char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline Lanes load_f16(const unsigned char* p) { return {_mm512_cvtph_ps(load_32_bytes(p))}; }
inline Lanes load_bf16(const unsigned char* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_32_bytes(p)), 16))};
}
inline Lanes load_u8(const unsigned char* p) { return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16_bytes(p)))}; }
inline Lanes splat(const unsigned char* p) {
  float value;
  __builtin_memcpy(&value, p, 4);
  return {_mm512_set1_ps(value)};
}
inline Lanes add(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes multiply(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline float sum_of(Lanes x) {
  const __m256 eight =
      _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xFF, x.v, 0), _mm512_maskz_extractf32x8_ps(0xFF, x.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline Codes load_codes(const unsigned char* p) { return {_mm512_loadu_si512(p)}; }
inline Codes low_nibbles(Codes c) { return {_mm512_and_si512(c.v, _mm512_set1_epi8(15))}; }
inline Codes high_nibbles(Codes c) { return low_nibbles({_mm512_srli_epi16(c.v, 4)}); }
template <int field>
inline Codes high_pairs(Codes c) {
  __m512i x = c.v;
  if constexpr (field < 2) x = _mm512_slli_epi16(x, 4 - 2 * field);
  if constexpr (field > 2) x = _mm512_srli_epi16(x, 2 * field - 4);
  return {_mm512_and_si512(x, _mm512_set1_epi8(0x30))};
}
inline Codes combine(Codes a, Codes b) { return {_mm512_or_si512(a.v, b.v)}; }

inline uint32_t correction(const signed char* codes) {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += codes[i];
  return static_cast<uint32_t>(-8 * sum);
}
inline uint32_t add_corrections(uint32_t a, uint32_t b) { return a + b; }

inline Dot zero_dot() { return {_mm512_setzero_si512()}; }
inline __m512i splat_4_bytes(const unsigned char* p) {
  int value;
  __builtin_memcpy(&value, p, 4);
  return _mm512_set1_epi32(value);
}
template <int shift>
inline Dot start_dot(const unsigned char* p) {
  if constexpr (shift == 0) return {splat_4_bytes(p)};
  return {_mm512_slli_epi32(splat_4_bytes(p), shift)};
}
template <int quad>
inline Dot dot4(Dot dot, const Codes& codes, const unsigned char* p) {
  return {_mm512_dpbusd_epi32(dot.v, codes.v, splat_4_bytes(p + 4 * quad))};
}
inline Lanes to_lanes(Dot dot) { return {_mm512_cvtepi32_ps(dot.v)}; }
inline Scales load_scales(const unsigned char* p) { return {_mm512_cvtepi8_epi32(load_16_bytes(p))}; }
inline Lanes scaled_sum(Dot a, Scales scale_a, Dot b, Scales scale_b) {
  return {_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_mullo_epi32(a.v, scale_a.v), _mm512_mullo_epi32(b.v, scale_b.v)))};
}

inline WideCodes load_wide_codes(const unsigned char* p) {
  return {_mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(-128))};
}
inline WideDot start_wide_dot(const unsigned char* p) { return start_dot<4>(p); }  // zero point 128
