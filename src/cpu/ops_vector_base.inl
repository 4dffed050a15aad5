// x86-64 with nothing beyond SSE2: four lanes, no fused multiply-add, f16 converted in scalar code.
using Floats = float __attribute__((vector_size(16)));
using Ints = int32_t __attribute__((vector_size(16)));
constexpr int kLanes = 4;
constexpr int kTileVectors = 2;  // of positions or values in the tiles of attention: what the registers hold

static inline Floats load(const float* p) { return _mm_loadu_ps(p); }
static inline void store(float* p, Floats v) { _mm_storeu_ps(p, v); }
static inline Floats broadcast(float x) { return _mm_set1_ps(x); }
static inline Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
static inline float multiply_add(float a, float b, float c) { return a * b + c; }
static inline Floats larger(Floats a, Floats b) { return _mm_max_ps(a, b); }
static inline Floats smaller(Floats a, Floats b) { return _mm_min_ps(a, b); }

static inline float load(const uint16_t* p, int i) {
  const uint32_t sign = static_cast<uint32_t>(p[i] & 0x8000u) << 16, magnitude = p[i] & 0x7fffu;
  const uint32_t infinite = magnitude >= 0x7c00u ? 0x7f800000u : 0;
  const float value = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, value) | infinite | sign);
}
static inline Floats load(const uint16_t* p) { return Floats{load(p, 0), load(p, 1), load(p, 2), load(p, 3)}; }

static inline uint16_t half_of(float x) {  // to nearest, ties to even
  const uint32_t bits = __builtin_bit_cast(uint32_t, x), magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x47800000u) {
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // subnormal: the sum's last bit is worth the smallest f16
    half = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000u));
}
static inline void store(uint16_t* p, Floats v) {
  for (int i = 0; i < kLanes; ++i) p[i] = half_of(v[i]);
}

static inline Floats load(const signed char* p) {
  int32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  __m128i codes = _mm_cvtsi32_si128(bytes);  // each byte ends on top of its lane
  codes = _mm_unpacklo_epi8(codes, codes);
  return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(codes, codes), 24));
}
