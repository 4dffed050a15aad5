// Arm Advanced SIMD, which every 64-bit Arm processor has: four lanes, fused multiply-add, f16 conversion.
using Floats = float __attribute__((vector_size(16)));
using Ints = int32_t __attribute__((vector_size(16)));
constexpr int kLanes = 4;
constexpr int kTileVectors = 4;  // of positions or values in the tiles of attention: what the registers hold

static inline Floats load(const float* p) { return __builtin_bit_cast(Floats, vld1q_f32(p)); }
static inline void store(float* p, Floats v) { vst1q_f32(p, __builtin_bit_cast(float32x4_t, v)); }
static inline Floats broadcast(float x) { return Floats{x, x, x, x}; }
static inline Floats multiply_add(Floats a, Floats b, Floats c) {
  return __builtin_bit_cast(Floats, vfmaq_f32(__builtin_bit_cast(float32x4_t, c), __builtin_bit_cast(float32x4_t, a),
                                              __builtin_bit_cast(float32x4_t, b)));
}
static inline float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }
static inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }

static inline Floats load(const uint16_t* p) {
  return __builtin_bit_cast(Floats, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))));
}
static inline float load(const uint16_t* p, int i) { return static_cast<float>(__builtin_bit_cast(__fp16, p[i])); }
static inline void store(uint16_t* p, Floats v) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(__builtin_bit_cast(float32x4_t, v))));
}

static inline Floats load(const signed char* p) {
  int32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  const int16x8_t codes = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(bytes)));
  return __builtin_bit_cast(Floats, vcvtq_f32_s32(vmovl_s16(vget_low_s16(codes))));
}
