// The sums of a tile of several tokens with Arm's 8-bit matrix instruction, which multiplies 8 columns of two rows with
// those of two tokens; a tile of one token keeps the dot products. Included after simd_neon.inl and linear_dots.inl.
template <int width, typename AnyDot>
  requires(width > 1)
struct TokenDots<width, AnyDot> {
  template <typename Start>
  [[gnu::always_inline]] explicit TokenDots(const Start& start) {
    for (int pair = 0; pair < kPairs; ++pair) {
      const AnyDot first = start(2 * pair), second = start(second_of(pair));
      for (int i = 0; i < 4; ++i) {
        v[pair][2 * i] = vzip1q_s32(first.v[i], second.v[i]);
        v[pair][2 * i + 1] = vzip2q_s32(first.v[i], second.v[i]);
      }
    }
  }
  // Even quads wait for the next one, which completes 8 columns.
  template <int quad>
  [[gnu::always_inline]] void add(const Codes& codes, const unsigned char* record) {
    if constexpr (quad % 2 == 0) {
      waiting[quad / 4] = codes;
    } else {
      const unsigned char* columns = record + 4 * (quad - 1);
      int8x16_t tokens[kPairs];
      for (int pair = 0; pair < kPairs; ++pair)
        tokens[pair] = vreinterpretq_s8_u8(
            vcombine_u8(vld1_u8(columns + 32 * (2 * pair)), vld1_u8(columns + 32 * second_of(pair))));
      for (int i = 0; i < 4; ++i) {
        const uint32x4_t even = vreinterpretq_u32_u8(waiting[quad / 4].v[i]), odd = vreinterpretq_u32_u8(codes.v[i]);
        const int8x16_t rows_01 = vreinterpretq_s8_u32(vzip1q_u32(even, odd));
        const int8x16_t rows_23 = vreinterpretq_s8_u32(vzip2q_u32(even, odd));
        for (int pair = 0; pair < kPairs; ++pair) {
          v[pair][2 * i] = vmmlaq_s32(v[pair][2 * i], rows_01, tokens[pair]);
          v[pair][2 * i + 1] = vmmlaq_s32(v[pair][2 * i + 1], rows_23, tokens[pair]);
        }
      }
    }
  }
  [[gnu::always_inline]] AnyDot of(int t) const {
    AnyDot dot;
    for (int i = 0; i < 4; ++i) {
      const int32x4_t rows_01 = v[t / 2][2 * i], rows_23 = v[t / 2][2 * i + 1];
      dot.v[i] = t % 2 == 0 ? vuzp1q_s32(rows_01, rows_23) : vuzp2q_s32(rows_01, rows_23);
    }
    return dot;
  }

  // The last token of an odd number is both of its pair: the instruction has no use for half of one.
  static constexpr int kPairs = (width + 1) / 2;
  static constexpr int second_of(int pair) { return 2 * pair + 1 < width ? 2 * pair + 1 : 2 * pair; }

  int32x4_t v[kPairs][8];  // [pair][i]: row 2i with both tokens, row 2i + 1 with both
  Codes waiting[2];        // of both halves of 32 columns
};
