// The vocabulary of the matrix kernels for any processor, in the vector types that g++ and clang offer everywhere.
// Included inside the namespace of one translation unit, like its siblings simd_avx2.inl, simd_avx512.inl and
// simd_neon.inl, which say the same with intrinsics. All of them: 16 lanes are 16 rows of a group, or 16 columns of a
// row of reals.
//
//   Lanes      16 floats
//   Codes      4 consecutive columns of unsigned codes of 16 rows (64 bytes)
//   Dot        integer sums of unsigned codes (up to 4 bits over 32 columns, up to 6 bits over 16) times activations
//   WideCodes, WideDot   the same for signed 8-bit codes, over 32 columns
//   Scales     16 signed 8-bit integers that multiply Dots
//
// Here a lane of a Dot is two 16-bit sums, of the columns 4q, 4q + 1 and of 4q + 2, 4q + 3. Each is at most 8 columns *
// 63 or 16 columns * 15 times 127 before the zero point is taken off and below 2^15 after: additions may wrap on the
// way, the end is exact.

constexpr int kTileTokens = 4;               // tokens in a tile of quantized activations
constexpr bool kHoldSums = false;            // registers hold the sums of a tile beside its dots
constexpr int kDotRows = 2, kDotTokens = 2;  // tile of the kernels over rows of reals
constexpr int kStreamRows = 4;               // rows at a time there for a single token

// Vectors of 16 bytes, which every 64-bit processor has.
using Float4 [[gnu::vector_size(16)]] = float;
using Int4 [[gnu::vector_size(16)]] = int32_t;
using Unsigned4 [[gnu::vector_size(16)]] = uint32_t;
using Short8 [[gnu::vector_size(16)]] = int16_t;
using Unsigned8 [[gnu::vector_size(16)]] = uint16_t;
using Half4 [[gnu::vector_size(8)]] = uint16_t;

struct Lanes {
  Float4 v[4];
};
struct Codes {  // of every row, in 16 bits: columns 0, 2 and columns 1, 3
  Unsigned8 even[4], odd[4];
};
struct Dot {
  Unsigned8 v[4];
};
struct WideCodes {
  Short8 even[4], odd[4];
};
struct WideDot {
  Int4 v[4];
};
using Scales = WideDot;

template <typename Value>
inline Value load_value(const unsigned char* p) {
  Value value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline Lanes zero_lanes() { return {}; }
inline Lanes load_lanes(const unsigned char* p) { return load_value<Lanes>(p); }
inline void store_lanes(Lanes x, float* p) { __builtin_memcpy(p, x.v, 64); }
// The 4 numbers of 16 bits at p, in the upper halves of 32.
inline Unsigned4 load_high_halves(const unsigned char* p) {
  return __builtin_convertvector(load_value<Half4>(p), Unsigned4) << 16;
}
inline Lanes load_f16(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 4; ++i) {
    // The exponent moves from bias 15 to 127 by one multiplication, which is exact for subnormals too.
    const Unsigned4 half = load_high_halves(p + 8 * i);
    const Unsigned4 sign = half & 0x80000000u, magnitude = (half & 0x7FFFFFFFu) >> 3;
    const Unsigned4 finite = reinterpret_cast<Unsigned4>(reinterpret_cast<Float4>(magnitude) * 0x1p112f);
    const Unsigned4 is_special = reinterpret_cast<Unsigned4>(magnitude >= 0x0F800000u);
    x.v[i] = reinterpret_cast<Float4>(sign | finite | (is_special & (magnitude | 0x7F800000u)));
  }
  return x;
}
inline Lanes load_bf16(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = reinterpret_cast<Float4>(load_high_halves(p + 8 * i));
  return x;
}
inline Lanes load_u8(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 16; ++i) x.v[i / 4][i % 4] = static_cast<float>(p[i]);
  return x;
}
inline Lanes splat(const unsigned char* p) {
  const float value = load_value<float>(p);
  const Float4 x{value, value, value, value};
  return {{x, x, x, x}};
}
inline Lanes add(Lanes a, Lanes b) {
  for (int i = 0; i < 4; ++i) a.v[i] += b.v[i];
  return a;
}
inline Lanes multiply(Lanes a, Lanes b) {
  for (int i = 0; i < 4; ++i) a.v[i] *= b.v[i];
  return a;
}
// a * b + c; rounded once where the level has such an instruction, which this one need not.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  for (int i = 0; i < 4; ++i) c.v[i] += a.v[i] * b.v[i];
  return c;
}
// By halves: lanes i and i + 8, then i and i + 4, i and i + 2, i and i + 1.
inline float sum_of(Lanes x) {
  const Float4 four = (x.v[0] + x.v[2]) + (x.v[1] + x.v[3]);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

inline Codes load_codes(const unsigned char* p) {
  Codes c;
  for (int i = 0; i < 4; ++i) {
    const auto bytes = load_value<Unsigned8>(p + 16 * i);  // little-endian: the first column of a pair is lower
    c.even[i] = bytes & 0xFF;
    c.odd[i] = bytes >> 8;
  }
  return c;
}
inline Codes low_nibbles(Codes c) {
  for (int i = 0; i < 4; ++i) c.even[i] &= 15, c.odd[i] &= 15;
  return c;
}
inline Codes high_nibbles(Codes c) {
  for (int i = 0; i < 4; ++i) c.even[i] >>= 4, c.odd[i] >>= 4;
  return c;
}
// Field `field` (0..3) of 2 bits of every byte, as bits 4 and 5.
template <int field>
inline Codes high_pairs(Codes c) {
  for (int i = 0; i < 4; ++i) {
    c.even[i] = (c.even[i] >> (2 * field) & 3) << 4;
    c.odd[i] = (c.odd[i] >> (2 * field) & 3) << 4;
  }
  return c;
}
inline Codes combine(Codes a, Codes b) {
  for (int i = 0; i < 4; ++i) a.even[i] |= b.even[i], a.odd[i] |= b.odd[i];
  return a;
}

// Corrections of 16 quantized activations for codes with a zero point: -8 times their sum, in the form in which
// start_dot adds it; here two halves, as a Dot. Two corrections of 16 add up to one of 32.
inline uint32_t correction(const signed char* codes) {
  int first = 0, second = 0;
  for (int i = 0; i < 16; i += 4) {
    first += codes[i] + codes[i + 1];
    second += codes[i + 2] + codes[i + 3];
  }
  return static_cast<uint32_t>(-8 * first) % 65536u | static_cast<uint32_t>(-8 * second) << 16;
}
inline uint32_t add_corrections(uint32_t a, uint32_t b) { return (a + b) % 65536u | ((a >> 16) + (b >> 16)) << 16; }

// The pair of 16-bit numbers, lower first, in every lane.
inline Unsigned8 splat_pair(uint32_t pair) {
  const Unsigned4 x{pair, pair, pair, pair};
  return reinterpret_cast<Unsigned8>(x);
}
inline Dot zero_dot() { return {}; }
// Starts from the correction at p times 2^shift: the zero point of the codes is 8 * 2^shift.
template <int shift>
inline Dot start_dot(const unsigned char* p) {
  const Unsigned8 x = splat_pair(load_value<uint32_t>(p)) << shift;
  return {{x, x, x, x}};
}
// The activations 0 and 2, or 1 and 3, of the 4 at p.
inline uint32_t activation_pair(const unsigned char* p, int first) {
  const auto at = [&](int i) { return static_cast<uint32_t>(static_cast<int32_t>(static_cast<signed char>(p[i]))); };
  return at(first) % 65536u | at(first + 2) << 16;
}
// Adds codes times the 4 activations number `quad` of the 16 at p.
template <int quad>
inline Dot dot4(Dot dot, const Codes& codes, const unsigned char* p) {
  const Unsigned8 even = splat_pair(activation_pair(p + 4 * quad, 0)),
                  odd = splat_pair(activation_pair(p + 4 * quad, 1));
  for (int i = 0; i < 4; ++i) dot.v[i] += codes.even[i] * even + codes.odd[i] * odd;
  return dot;
}
// Both 16-bit sums of every lane together.
inline Int4 sum_pairs(Unsigned8 pairs) {
  const Int4 x = reinterpret_cast<Int4>(pairs);
  return (reinterpret_cast<Int4>(reinterpret_cast<Unsigned4>(x) << 16) >> 16) + (x >> 16);
}
inline Lanes to_lanes(WideDot dot) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = __builtin_convertvector(dot.v[i], Float4);
  return x;
}
inline WideDot widen(Dot dot) {
  return {{sum_pairs(dot.v[0]), sum_pairs(dot.v[1]), sum_pairs(dot.v[2]), sum_pairs(dot.v[3])}};
}
inline Lanes to_lanes(Dot dot) { return to_lanes(widen(dot)); }
inline Scales load_scales(const unsigned char* p) {
  Scales scales;
  for (int i = 0; i < 16; ++i) scales.v[i / 4][i % 4] = static_cast<signed char>(p[i]);
  return scales;
}
// a * scale_a + b * scale_b; each Dot over 16 columns: below 2^24, hence exact as a float.
inline Lanes scaled_sum(Dot a, Scales scale_a, Dot b, Scales scale_b) {
  WideDot first = widen(a);
  const WideDot second = widen(b);
  for (int i = 0; i < 4; ++i) first.v[i] = first.v[i] * scale_a.v[i] + second.v[i] * scale_b.v[i];
  return to_lanes(first);
}

inline WideCodes load_wide_codes(const unsigned char* p) {
  WideCodes c;
  for (int i = 0; i < 4; ++i) {
    const auto bytes = load_value<Unsigned8>(p + 16 * i);
    c.even[i] = reinterpret_cast<Short8>(bytes << 8) >> 8;
    c.odd[i] = reinterpret_cast<Short8>(bytes) >> 8;
  }
  return c;
}
// p: the correction of the 32 activations, used where a level needs it.
inline WideDot start_wide_dot(const unsigned char*) { return {}; }
template <int quad>
inline WideDot dot4(WideDot dot, const WideCodes& codes, const unsigned char* p) {
  const Short8 even = reinterpret_cast<Short8>(splat_pair(activation_pair(p + 4 * quad, 0)));
  const Short8 odd = reinterpret_cast<Short8>(splat_pair(activation_pair(p + 4 * quad, 1)));
  // Two products are at most 2 * 128 * 127, just within 16 bits.
  for (int i = 0; i < 4; ++i)
    dot.v[i] += sum_pairs(reinterpret_cast<Unsigned8>(codes.even[i] * even + codes.odd[i] * odd));
  return dot;
}
