// The vocabulary of the matrix kernels in plain C++, for compilers to vectorise as they can. Included inside the
// namespace of one translation unit, like its siblings simd_avx2.inl, simd_avx512.inl and simd_neon.inl, which say
// the same with intrinsics. All of them: 16 lanes are 16 rows of a group, or 16 columns of a row of reals.
//
//   Lanes      16 floats
//   Codes      4 consecutive columns of unsigned codes of 16 rows (64 bytes)
//   Dot        integer sums of unsigned codes (up to 4 bits over 32 columns, up to 6 bits over 16) times activations
//   WideCodes, WideDot   the same for signed 8-bit codes, over 32 columns
//   Scales     16 signed 8-bit integers that multiply Dots

constexpr int kTileTokens = 4;               // tokens in a tile of quantized activations
constexpr bool kHoldSums = true;             // registers hold the sums of a tile beside its dots
constexpr int kDotRows = 2, kDotTokens = 2;  // tile of the kernels over rows of reals
constexpr int kStreamRows = 4;               // rows at a time there for a single token

struct Lanes {
  float at[16];
};
struct Codes {
  unsigned char at[64];
};
struct Dot {
  int32_t at[16];
};
using WideCodes = Codes;
using WideDot = Dot;
using Scales = Dot;

inline float float_of_bits(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

inline Lanes zero_lanes() { return {}; }
inline Lanes load_lanes(const unsigned char* p) {
  Lanes x;
  __builtin_memcpy(x.at, p, 64);
  return x;
}
inline void store_lanes(Lanes x, float* p) { __builtin_memcpy(p, x.at, 64); }
inline Lanes load_f16(const unsigned char* p) {
  uint16_t half[16];
  __builtin_memcpy(half, p, 32);
  Lanes x;
  for (int i = 0; i < 16; ++i) {
    // The exponent moves from bias 15 to 127 by one multiplication, which is exact for subnormals too.
    const uint32_t magnitude = (half[i] & 0x7FFFu) << 13, sign = (half[i] & 0x8000u) << 16;
    const uint32_t finite = __builtin_bit_cast(uint32_t, float_of_bits(magnitude) * 0x1p112f);
    const uint32_t special = magnitude | 0x7F800000u;
    x.at[i] = float_of_bits(sign | (magnitude >= 0x0F800000u ? special : finite));
  }
  return x;
}
inline Lanes load_bf16(const unsigned char* p) {
  uint16_t high[16];
  __builtin_memcpy(high, p, 32);
  Lanes x;
  for (int i = 0; i < 16; ++i) x.at[i] = float_of_bits(static_cast<uint32_t>(high[i]) << 16);
  return x;
}
inline Lanes load_u8(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 16; ++i) x.at[i] = static_cast<float>(p[i]);
  return x;
}
inline Lanes splat(const unsigned char* p) {
  float value;
  __builtin_memcpy(&value, p, 4);
  Lanes x;
  for (int i = 0; i < 16; ++i) x.at[i] = value;
  return x;
}
inline Lanes add(Lanes a, Lanes b) {
  for (int i = 0; i < 16; ++i) a.at[i] += b.at[i];
  return a;
}
inline Lanes multiply(Lanes a, Lanes b) {
  for (int i = 0; i < 16; ++i) a.at[i] *= b.at[i];
  return a;
}
// a * b + c; rounded once where the level has such an instruction, which this one need not.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  for (int i = 0; i < 16; ++i) c.at[i] += a.at[i] * b.at[i];
  return c;
}
// By halves: lanes i and i + 8, then i and i + 4, i and i + 2, i and i + 1.
inline float sum_of(Lanes x) {
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; ++i) x.at[i] += x.at[i + half];
  return x.at[0];
}

inline Codes load_codes(const unsigned char* p) {
  Codes c;
  __builtin_memcpy(c.at, p, 64);
  return c;
}
inline Codes low_nibbles(Codes c) {
  for (int i = 0; i < 64; ++i) c.at[i] &= 15;
  return c;
}
inline Codes high_nibbles(Codes c) {
  for (int i = 0; i < 64; ++i) c.at[i] >>= 4;
  return c;
}
// Field `field` (0..3) of 2 bits of every byte, as bits 4 and 5.
template <int field>
inline Codes high_pairs(Codes c) {
  for (int i = 0; i < 64; ++i) c.at[i] = static_cast<unsigned char>((c.at[i] >> (2 * field) & 3) << 4);
  return c;
}
inline Codes combine(Codes a, Codes b) {
  for (int i = 0; i < 64; ++i) a.at[i] |= b.at[i];
  return a;
}

// Corrections of 16 quantized activations for codes with a zero point: -8 times their sum, in the form in which
// start_dot adds it. Two corrections of 16 add up to one of 32.
inline uint32_t correction(const signed char* codes) {
  int32_t sum = 0;
  for (int i = 0; i < 16; ++i) sum += codes[i];
  return static_cast<uint32_t>(-8 * sum);
}
inline uint32_t add_corrections(uint32_t a, uint32_t b) { return a + b; }

inline Dot zero_dot() { return {}; }
// Starts from the correction at p times 2^shift: the zero point of the codes is 8 * 2^shift.
template <int shift>
inline Dot start_dot(const unsigned char* p) {
  int32_t value;
  __builtin_memcpy(&value, p, 4);
  Dot dot;
  for (int i = 0; i < 16; ++i) dot.at[i] = value * (1 << shift);
  return dot;
}
// Adds codes times the 4 activations number `quad` of the 16 at p.
template <int quad>
inline Dot dot4(Dot dot, const Codes& codes, const unsigned char* p) {
  signed char a[4];
  __builtin_memcpy(a, p + 4 * quad, 4);
  for (int i = 0; i < 16; ++i)
    dot.at[i] +=
        codes.at[4 * i] * a[0] + codes.at[4 * i + 1] * a[1] + codes.at[4 * i + 2] * a[2] + codes.at[4 * i + 3] * a[3];
  return dot;
}
inline Lanes to_lanes(Dot dot) {
  Lanes x;
  for (int i = 0; i < 16; ++i) x.at[i] = static_cast<float>(dot.at[i]);
  return x;
}
inline Scales load_scales(const unsigned char* p) {
  Scales scales;
  for (int i = 0; i < 16; ++i) scales.at[i] = static_cast<signed char>(p[i]);
  return scales;
}
// a * scale_a + b * scale_b; each Dot over 16 columns: below 2^24, hence exact as a float.
inline Lanes scaled_sum(Dot a, Scales scale_a, Dot b, Scales scale_b) {
  Lanes x;
  for (int i = 0; i < 16; ++i) x.at[i] = static_cast<float>(a.at[i] * scale_a.at[i] + b.at[i] * scale_b.at[i]);
  return x;
}

inline WideCodes load_wide_codes(const unsigned char* p) { return load_codes(p); }
// p: the correction of the 32 activations, used where a level needs it.
inline WideDot start_wide_dot(const unsigned char*) { return {}; }
template <int quad>
inline WideDot dot4_wide(WideDot dot, const WideCodes& codes, const unsigned char* p) {
  signed char a[4], w[64];
  __builtin_memcpy(a, p + 4 * quad, 4);
  __builtin_memcpy(w, codes.at, 64);
  for (int i = 0; i < 16; ++i)
    dot.at[i] += w[4 * i] * a[0] + w[4 * i + 1] * a[1] + w[4 * i + 2] * a[2] + w[4 * i + 3] * a[3];
  return dot;
}
