// The vocabulary of simd_base.inl with NEON and its dot products: 16 lanes are four registers. The dot instruction
// takes signed codes, which unsigned ones of up to 6 bits are as well.

constexpr int kTileTokens = 4;
constexpr bool kHoldSums = true;
constexpr int kDotRows = 2, kDotTokens = 2;
constexpr int kStreamRows = 4;

struct Lanes {
  float32x4_t v[4];
};
struct Codes {
  uint8x16_t v[4];
};
struct Dot {
  int32x4_t v[4];
};
using Scales = Dot;
using WideCodes = Codes;
using WideDot = Dot;

inline Lanes zero_lanes() {
  const float32x4_t zero = vdupq_n_f32(0);
  return {{zero, zero, zero, zero}};
}
inline Lanes load_lanes(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = vreinterpretq_f32_u8(vld1q_u8(p + 16 * i));
  return x;
}
inline void store_lanes(Lanes x, float* p) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
}
inline Lanes load_f16(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
  return x;
}
inline Lanes load_bf16(const unsigned char* p) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i)), 16));
  return x;
}
inline Lanes load_u8(const unsigned char* p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
           vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
}
inline Lanes splat(const unsigned char* p) {
  float value;
  __builtin_memcpy(&value, p, 4);
  const float32x4_t x = vdupq_n_f32(value);
  return {{x, x, x, x}};
}
inline Lanes add(Lanes a, Lanes b) {
  for (int i = 0; i < 4; ++i) a.v[i] = vaddq_f32(a.v[i], b.v[i]);
  return a;
}
inline Lanes multiply(Lanes a, Lanes b) {
  for (int i = 0; i < 4; ++i) a.v[i] = vmulq_f32(a.v[i], b.v[i]);
  return a;
}
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  for (int i = 0; i < 4; ++i) c.v[i] = vfmaq_f32(c.v[i], a.v[i], b.v[i]);
  return c;
}
inline float sum_of(Lanes x) {
  const float32x4_t four = vaddq_f32(vaddq_f32(x.v[0], x.v[2]), vaddq_f32(x.v[1], x.v[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

inline Codes load_codes(const unsigned char* p) {
  return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}
inline Codes low_nibbles(Codes c) {
  for (int i = 0; i < 4; ++i) c.v[i] = vandq_u8(c.v[i], vdupq_n_u8(15));
  return c;
}
inline Codes high_nibbles(Codes c) {
  for (int i = 0; i < 4; ++i) c.v[i] = vshrq_n_u8(c.v[i], 4);
  return c;
}
template <int field>
inline uint8x16_t pair_at_bit_4(uint8x16_t x) {
  if constexpr (field < 2) x = vshlq_n_u8(x, 4 - 2 * field);
  if constexpr (field > 2) x = vshrq_n_u8(x, 2 * field - 4);
  return vandq_u8(x, vdupq_n_u8(0x30));
}
template <int field>
inline Codes high_pairs(Codes c) {
  for (int i = 0; i < 4; ++i) c.v[i] = pair_at_bit_4<field>(c.v[i]);
  return c;
}
inline Codes combine(Codes a, Codes b) {
  for (int i = 0; i < 4; ++i) a.v[i] = vorrq_u8(a.v[i], b.v[i]);
  return a;
}

inline uint32_t correction(const signed char* codes) {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += codes[i];
  return static_cast<uint32_t>(-8 * sum);
}
inline uint32_t add_corrections(uint32_t a, uint32_t b) { return a + b; }

inline Dot splat_dot(int32_t value) {
  const int32x4_t x = vdupq_n_s32(value);
  return {{x, x, x, x}};
}
inline Dot zero_dot() { return splat_dot(0); }
template <int shift>
inline Dot start_dot(const unsigned char* p) {
  int32_t value;
  __builtin_memcpy(&value, p, 4);
  return splat_dot(value * (1 << shift));
}
template <int quad>
inline Dot dot4(Dot dot, const Codes& codes, const unsigned char* p) {
  const int8x16_t a = vreinterpretq_s8_u8(vld1q_u8(p));
  for (int i = 0; i < 4; ++i) dot.v[i] = vdotq_laneq_s32(dot.v[i], vreinterpretq_s8_u8(codes.v[i]), a, quad);
  return dot;
}
inline Lanes to_lanes(Dot dot) {
  Lanes x;
  for (int i = 0; i < 4; ++i) x.v[i] = vcvtq_f32_s32(dot.v[i]);
  return x;
}
inline Scales load_scales(const unsigned char* p) {
  const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
  return {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)),
           vmovl_s16(vget_high_s16(high))}};
}
inline Lanes scaled_sum(Dot a, Scales scale_a, Dot b, Scales scale_b) {
  for (int i = 0; i < 4; ++i) a.v[i] = vmlaq_s32(vmulq_s32(a.v[i], scale_a.v[i]), b.v[i], scale_b.v[i]);
  return to_lanes(a);
}

inline WideCodes load_wide_codes(const unsigned char* p) { return load_codes(p); }
inline WideDot start_wide_dot(const unsigned char*) { return zero_dot(); }
