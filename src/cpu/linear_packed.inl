// Kernels over packed weights (pack_layout.h) and quantized activations, in the vocabulary of simd_*.inl; included
// inside the namespace of one translation unit.
//
// One lane is one output row. Its sum runs over the blocks in order: sum = float(integer dot) * (d * scale) + sum with
// one rounding for the multiply-add. The integer dots are exact, so the tile that an output is computed in, and its
// width, change nothing.

// A tile of quantized activations: `width` tokens side by side, one record for 32 columns. In a record: 32 codes of
// each token; its scale; -scale * sum of codes; corrections of both halves of 16; correction of all 32.
template <int width>
struct TileRecord {
  static constexpr int kScales = 32 * width;
  static constexpr int kMinusSums = 36 * width;
  static constexpr int kHalfCorrections = 40 * width;
  static constexpr int kCorrections = 48 * width;
  static constexpr int kBytes = 52 * width;
};

// Magnitudes below this quantize to zero: the inverse of their scale would overflow.
constexpr float kLeastMagnitude = 1e-35f;

// Quantizes 32 values: x = scale * code, |code| <= 127, rounded to nearest even.
inline float quantize_codes(const float* values, signed char* codes) {
  int32_t bits[32];
  __builtin_memcpy(bits, values, sizeof bits);
  int32_t largest = 0;  // bits of non-negative floats order like the floats, infinity and NaN above all
  for (int i = 0; i < 32; ++i) {
    const int32_t magnitude = bits[i] & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
  }
  const bool is_finite = largest < 0x7F800000;
  const float amax = __builtin_bit_cast(float, largest);
  const bool is_zero = !is_finite || amax < kLeastMagnitude;
  const float inverse = is_zero ? 0.0f : 127.0f / amax;
  for (int i = 0; i < 32; ++i) {
    // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
    const float shifted = (is_zero ? 0.0f : values[i] * inverse) + 12582912.0f;
    codes[i] = static_cast<signed char>(__builtin_bit_cast(int32_t, shifted) & 0xFF);
  }
  if (!is_finite) return __builtin_nanf("");
  return is_zero ? 0.0f : amax / 127.0f;
}

void quantize(const float* values, int first_block, int end_block, int lane, int width, unsigned char* tile) {
  const auto put = [&](unsigned char* record, int at, const auto& value) {
    __builtin_memcpy(record + at, &value, sizeof value);
  };
  for (int block = first_block; block < end_block; ++block) {
    signed char codes[32];
    const float scale = quantize_codes(values + ptrdiff_t{32} * block, codes);
    int sum = 0;
    for (int i = 0; i < 32; ++i) sum += codes[i];
    const uint32_t first = correction(codes), second = correction(codes + 16);
    unsigned char* record = tile + ptrdiff_t{TileRecord<1>::kBytes} * width * block;
    __builtin_memcpy(record + ptrdiff_t{32} * lane, codes, 32);
    put(record, TileRecord<1>::kScales * width + 4 * lane, scale);
    put(record, TileRecord<1>::kMinusSums * width + 4 * lane, -(scale * static_cast<float>(sum)));
    put(record, TileRecord<1>::kHalfCorrections * width + 8 * lane, first);
    put(record, TileRecord<1>::kHalfCorrections * width + 8 * lane + 4, second);
    put(record, TileRecord<1>::kCorrections * width + 4 * lane, add_corrections(first, second));
  }
}

// sums[t] += dot[t] * (weight_scale * activation scale of t).
template <int width, typename AnyDot>
[[gnu::always_inline]] inline void add_block(const TokenDots<width, AnyDot>& dots, Lanes weight_scale,
                                             const unsigned char* record, Lanes (&sums)[width]) {
  for (int t = 0; t < width; ++t) {
    const Lanes scale = multiply(weight_scale, splat(record + TileRecord<width>::kScales + 4 * t));
    sums[t] = multiply_add(to_lanes(dots.of(t)), scale, sums[t]);
  }
}

// Vector `vector` of a block of nibbles: 4 columns from each half of 32.
template <int width, int vector>
[[gnu::always_inline]] inline void dot_nibbles(const unsigned char* codes, const unsigned char* record,
                                               Dots<width>& dots) {
  const Codes packed = load_codes(codes + 64 * vector);
  dots.template add<vector>(low_nibbles(packed), record);
  dots.template add<4 + vector>(high_nibbles(packed), record);
}

template <int width>
[[gnu::always_inline]] inline void dot_nibble_block(const unsigned char* codes, const unsigned char* record,
                                                    Dots<width>& dots) {
  dot_nibbles<width, 0>(codes, record, dots);
  dot_nibbles<width, 1>(codes, record, dots);
  dot_nibbles<width, 2>(codes, record, dots);
  dot_nibbles<width, 3>(codes, record, dots);
}

// For one token weights come from memory in one stream, which hardware follows within a page only: asking for them a
// page ahead is worth a third (q4_0 on a Zen 3 core: from 12.7 to 17 GB/s). Past the end nothing is read.
constexpr int kPrefetchBytes = 4096;
template <int n_bytes>
[[gnu::always_inline]] inline void prefetch(const unsigned char* codes) {
  for (int i = 0; i < n_bytes; i += 64) __builtin_prefetch(codes + kPrefetchBytes + i);
}

// Each kernel adds one format block of a group to the sums of a tile; `record` is the block's first.

struct Q4_0 {
  static constexpr PackedLayout kLayout = kPackedQ4_0;
  template <int width>
  [[gnu::always_inline]] static void add(const unsigned char* codes, const unsigned char* params,
                                         const unsigned char* record, Lanes (&sums)[width]) {
    prefetch<kLayout.code_bytes + kLayout.param_bytes>(codes);
    Dots<width> dots([&](int t) { return start_dot<0>(record + TileRecord<width>::kCorrections + 4 * t); });
    dot_nibble_block<width>(codes, record, dots);
    add_block(dots, load_f16(params), record, sums);
  }
};

struct Q8_0 {
  static constexpr PackedLayout kLayout = kPackedQ8_0;
  template <int width>
  [[gnu::always_inline]] static void add(const unsigned char* codes, const unsigned char* params,
                                         const unsigned char* record, Lanes (&sums)[width]) {
    prefetch<kLayout.code_bytes + kLayout.param_bytes>(codes);
    WideDots<width> dots([&](int t) { return start_wide_dot(record + TileRecord<width>::kCorrections + 4 * t); });
    dots.template add<0>(load_wide_codes(codes), record);
    dots.template add<1>(load_wide_codes(codes + 64), record);
    dots.template add<2>(load_wide_codes(codes + 128), record);
    dots.template add<3>(load_wide_codes(codes + 192), record);
    dots.template add<4>(load_wide_codes(codes + 256), record);
    dots.template add<5>(load_wide_codes(codes + 320), record);
    dots.template add<6>(load_wide_codes(codes + 384), record);
    dots.template add<7>(load_wide_codes(codes + 448), record);
    add_block(dots, load_f16(params), record, sums);
  }
};

struct Q4_K {  // weight = d * scale * code - dmin * min, scale and min per 32 columns
  static constexpr PackedLayout kLayout = kPackedQ4_K;
  template <int width>
  [[gnu::always_inline]] static void add(const unsigned char* codes, const unsigned char* params,
                                         const unsigned char* record, Lanes (&sums)[width]) {
    for (int s = 0; s < 8; ++s, codes += 256, record += TileRecord<width>::kBytes) {
      prefetch<(kLayout.code_bytes + kLayout.param_bytes) / 8>(codes);
      Dots<width> dots([](int) { return zero_dot(); });
      dot_nibble_block<width>(codes, record, dots);
      const Lanes scale = multiply(load_f16(params), load_u8(params + kQ4_K_SubScales + 16 * s));
      const Lanes min = multiply(load_f16(params + kQ4_K_Mins), load_u8(params + kQ4_K_SubMins + 16 * s));
      add_block(dots, scale, record, sums);
      for (int t = 0; t < width; ++t)
        sums[t] = multiply_add(min, splat(record + TileRecord<width>::kMinusSums + 4 * t), sums[t]);
    }
  }
};

struct Q6_K {  // weight = d * scale * (code - 32), scale per 16 columns
  static constexpr PackedLayout kLayout = kPackedQ6_K;

  // Columns 16 * half + 4 * vector .. + 3.
  template <int width, int half, int vector>
  [[gnu::always_inline]] static void dot_six_bits(const unsigned char* codes, const unsigned char* record,
                                                  Dots<width>& dots) {
    const Codes nibbles = load_codes(codes + 64 * vector), pairs = load_codes(codes + 256 + 64 * (vector / 2));
    const Codes low = half == 0 ? low_nibbles(nibbles) : high_nibbles(nibbles);
    dots.template add<4 * half + vector>(combine(low, high_pairs<2 * half + vector % 2>(pairs)), record);
  }
  template <int width, int half>
  [[gnu::always_inline]] static Dots<width> dot_half(const unsigned char* codes, const unsigned char* record) {
    Dots<width> dots(
        [&](int t) { return start_dot<2>(record + TileRecord<width>::kHalfCorrections + 8 * t + 4 * half); });
    dot_six_bits<width, half, 0>(codes, record, dots);
    dot_six_bits<width, half, 1>(codes, record, dots);
    dot_six_bits<width, half, 2>(codes, record, dots);
    dot_six_bits<width, half, 3>(codes, record, dots);
    return dots;
  }

  template <int width>
  [[gnu::always_inline]] static void add(const unsigned char* codes, const unsigned char* params,
                                         const unsigned char* record, Lanes (&sums)[width]) {
    for (int s = 0; s < 8; ++s, codes += 384, record += TileRecord<width>::kBytes) {
      prefetch<(kLayout.code_bytes + kLayout.param_bytes) / 8>(codes);
      const Dots<width> first = dot_half<width, 0>(codes, record), second = dot_half<width, 1>(codes, record);
      const Scales first_scale = load_scales(params + kQ6_K_SubScales + 32 * s);
      const Scales second_scale = load_scales(params + kQ6_K_SubScales + 32 * s + 16);
      const Lanes d = load_f16(params);
      for (int t = 0; t < width; ++t) {
        const Lanes scale = multiply(d, splat(record + TileRecord<width>::kScales + 4 * t));
        sums[t] = multiply_add(scaled_sum(first.of(t), first_scale, second.of(t), second_scale), scale, sums[t]);
      }
    }
  }
};

// A group's blocks [first_block, end_block) added to its sums for one tile.
template <typename Kernel, int width>
[[gnu::noinline]] void add_blocks(const unsigned char* group, int first_block, int end_block, const unsigned char* tile,
                                  Lanes (&sums_in_memory)[width]) {
  constexpr PackedLayout layout = Kernel::kLayout;
  constexpr int kRecordBytes = layout.block_values / 32 * TileRecord<width>::kBytes;
  constexpr int kBlockBytes = layout.code_bytes + layout.param_bytes;
  const unsigned char* codes = group + ptrdiff_t{kBlockBytes} * first_block;
  const unsigned char* record = tile + ptrdiff_t{kRecordBytes} * first_block;
  const auto add_all = [&](Lanes(&sums)[width]) {
    for (int block = first_block; block < end_block; ++block) {
      Kernel::template add<width>(codes, codes + layout.code_bytes, record, sums);
      codes += kBlockBytes;
      record += kRecordBytes;
    }
  };
  if constexpr (kHoldSums) {
    Lanes sums[width];
    for (int t = 0; t < width; ++t) sums[t] = sums_in_memory[t];
    add_all(sums);
    for (int t = 0; t < width; ++t) sums_in_memory[t] = sums[t];
  } else {
    add_all(sums_in_memory);
  }
}

// Stores the rows of one group that lie in the range.
inline void store_group(const PackedProduct& p, int group, int token, Lanes sum) {
  const int first = 16 * group > p.first_row ? 16 * group : p.first_row;
  const int end = 16 * group + 16 < p.end_row ? 16 * group + 16 : p.end_row;
  float* out = p.out + p.out_stride * token + (first - p.first_row);
  const float* bias = p.bias ? p.bias + (first - p.first_row) : nullptr;
  if (end - first == 16) {
    if (bias) sum = add(sum, load_lanes(reinterpret_cast<const unsigned char*>(bias)));
    if (p.add) sum = add(load_lanes(reinterpret_cast<const unsigned char*>(out)), sum);
    store_lanes(sum, out);
    return;
  }
  float values[16];
  store_lanes(sum, values);
  for (int i = 0; i < end - first; ++i) {
    const float value = bias ? values[first - 16 * group + i] + bias[i] : values[first - 16 * group + i];
    out[i] = p.add ? out[i] + value : value;
  }
}

constexpr int kMaxGroups = 16;                 // of a block of groups
constexpr ptrdiff_t kGroupsBytes = 192 << 10;  // of packed weights that stay in the second-level cache over all tiles
constexpr int kChunkRecords = 512;  // tokens * records whose activations stay in the first-level cache (26 KiB)

// All tiles' share of one width: `width` tokens from `token` on, for the groups [first_group, end_group).
template <typename Kernel, int width>
void product_of_tile(const PackedProduct& p, ptrdiff_t group_bytes, int first_group, int end_group, int token) {
  const int n_blocks = p.cols / Kernel::kLayout.block_values;
  const int records_per_block = Kernel::kLayout.block_values / 32;
  const int most = kChunkRecords / (width * records_per_block);
  const int n_chunks = (n_blocks + most - 1) / most;
  const unsigned char* tile = p.quantized + ptrdiff_t{TileRecord<1>::kBytes} * (p.cols / 32) * token;
  Lanes sums[kMaxGroups][width];
  for (int g = 0; g < end_group - first_group; ++g)
    for (int t = 0; t < width; ++t) sums[g][t] = zero_lanes();
  for (int chunk = 0; chunk < n_chunks; ++chunk) {
    const int first = static_cast<int>(int64_t{n_blocks} * chunk / n_chunks);
    const int end = static_cast<int>(int64_t{n_blocks} * (chunk + 1) / n_chunks);
    for (int g = first_group; g < end_group; ++g)
      add_blocks<Kernel, width>(p.weights + group_bytes * g, first, end, tile, sums[g - first_group]);
  }
  for (int g = first_group; g < end_group; ++g)
    for (int t = 0; t < width; ++t) store_group(p, g, token + t, sums[g - first_group][t]);
}

template <typename Kernel, int width>
void product_of_rest(const PackedProduct& p, ptrdiff_t group_bytes, int first_group, int end_group, int token) {
  if (p.n_tokens - token == width) return product_of_tile<Kernel, width>(p, group_bytes, first_group, end_group, token);
  if constexpr (width > 1) product_of_rest<Kernel, width - 1>(p, group_bytes, first_group, end_group, token);
}

// Blocks of groups outermost: their weights are read from memory once. Tiles inside, each against all of the block's
// groups.
template <typename Kernel>
void packed_product(const PackedProduct& p) {
  constexpr PackedLayout layout = Kernel::kLayout;
  const ptrdiff_t used = ptrdiff_t{p.cols / layout.block_values} * (layout.code_bytes + layout.param_bytes);
  const ptrdiff_t group_bytes = (used + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
  const int fitting = static_cast<int>(kGroupsBytes / group_bytes);
  const int step = fitting < 1 ? 1 : fitting > kMaxGroups ? kMaxGroups : fitting;
  const int end_group = (p.end_row + 15) / 16;
  for (int group = p.first_row / 16; group < end_group; group += step) {
    const int end = group + step < end_group ? group + step : end_group;
    int token = 0;
    for (; token + kTileTokens <= p.n_tokens; token += kTileTokens)
      product_of_tile<Kernel, kTileTokens>(p, group_bytes, group, end, token);
    if (token < p.n_tokens) product_of_rest<Kernel, kTileTokens - 1>(p, group_bytes, group, end, token);
  }
}
