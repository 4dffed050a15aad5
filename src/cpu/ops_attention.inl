// Attention over one chunk of cached positions; included after ops_kernels.inl. Lanes are positions while scores are
// made (keys lie transposed) and value dimensions while values are summed, so no sum runs across lanes but the one of
// the exponentials. Each score is one chain over the head's dimensions and each output one chain over the positions, in
// order, whatever the tile: a row's result does not depend on the rows beside it.

constexpr int kRowsPerTile = 4;
static_assert(kRowsPerTile <= kScaledRows);

template <int kCount>
struct Count {};

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }

// This KV head's stretch of the chunk's block of that index.
template <typename Element>
static inline const Element* stretch_of(const AttentionChunk& chunk, const void* cache, int block) {
  return reinterpret_cast<const Element*>(static_cast<const unsigned char*>(cache) +
                                          chunk.blocks[block] * chunk.block_stride);
}

// Has the memory of a stretch come while other work is done: each is too short for the processor to foresee the next.
template <typename Element>
static inline void prefetch_stretch(const AttentionChunk& chunk, const void* cache, int block) {
  if constexpr (sizeof(Element) > 1) return;
  constexpr int kLineBytes = 64;
  const auto* bytes = reinterpret_cast<const unsigned char*>(stretch_of<Element>(chunk, cache, block));
  const int n_bytes = chunk.head_dim * chunk.block_size * static_cast<int>(sizeof(Element));
  for (int i = 0; i < n_bytes; i += kLineBytes) __builtin_prefetch(bytes + i);
}

// Scores of kRows queries at kVectors vectors of positions, the first of which is `in_block` of the stretch `keys` and
// `scores` of the scores.
template <int kRows, int kVectors, typename Element>
static inline void score_tile(const AttentionChunk& chunk, int first_row, const Element* keys, int in_block,
                              float* scores) {
  Floats sums[kRows][kVectors] = {};
  const float* const* queries = chunk.queries + first_row;
  for (int d = 0; d < chunk.head_dim; ++d) {
    Floats key[kVectors];
    for (int v = 0; v < kVectors; ++v) key[v] = load(keys + d * chunk.block_size + in_block + v * kLanes);
    for (int row = 0; row < kRows; ++row) {
      const Floats query = broadcast(queries[row][d]);
      for (int v = 0; v < kVectors; ++v) sums[row][v] = multiply_add(query, key[v], sums[row][v]);
    }
  }
  for (int row = 0; row < kRows; ++row)
    for (int v = 0; v < kVectors; ++v) store(scores + row * chunk.score_stride + v * kLanes, sums[row][v]);
}

// The same over q8_0: each block of 32 dimensions is a chain over its codes, which its scale adds to the score.
template <int kRows, int kVectors>
static inline void score_tile(const AttentionChunk& chunk, int first_row, const signed char* keys, int in_block,
                              float* scores) {
  const float* const* queries = chunk.queries + first_row;
  const auto* scales = reinterpret_cast<const uint16_t*>(keys + chunk.head_dim * chunk.block_size);
  for (int d0 = 0; d0 < chunk.head_dim; d0 += kQ8Values) {
    Floats sums[kRows][kVectors] = {};
    for (int d = d0; d < d0 + kQ8Values; ++d) {
      Floats key[kVectors];
      for (int v = 0; v < kVectors; ++v) key[v] = load(keys + d * chunk.block_size + in_block + v * kLanes);
      for (int row = 0; row < kRows; ++row) {
        const Floats query = broadcast(queries[row][d]);
        for (int v = 0; v < kVectors; ++v) sums[row][v] = multiply_add(query, key[v], sums[row][v]);
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      const Floats scale = load(scales + d0 / kQ8Values * chunk.block_size + in_block + v * kLanes);
      for (int row = 0; row < kRows; ++row) {
        float* to = scores + row * chunk.score_stride + v * kLanes;
        store(to, d0 == 0 ? scale * sums[row][v] : multiply_add(scale, sums[row][v], load(to)));
      }
    }
  }
}

// Scores at positions [begin, end) of a chunk, rounded outwards to whole vectors.
template <int kRows, typename Element>
static void score_rows(const AttentionChunk& chunk, int first_row, int begin, int end) {
  constexpr int kTile = kTileVectors * kLanes;
  int position = begin / kLanes * kLanes;
  while (position < end) {
    const int in_block = position % chunk.block_size;
    const int block = position / chunk.block_size;
    const Element* keys = stretch_of<Element>(chunk, chunk.keys, block);
    if (first_row == 0 && in_block == 0 && (block + 1) * chunk.block_size < end)
      prefetch_stretch<Element>(chunk, chunk.keys, block + 1);
    float* scores = chunk.scores + first_row * chunk.score_stride + position;
    if (in_block + kTile <= chunk.block_size && position + kTile - kLanes < end) {
      score_tile<kRows, kTileVectors>(chunk, first_row, keys, in_block, scores);
      position += kTile;
    } else {
      score_tile<kRows, 1>(chunk, first_row, keys, in_block, scores);
      position += kLanes;
    }
  }
}

// Turns a row's scores into exp(score - max), and keeps max and sum.
static void soften_row(const AttentionChunk& chunk, int row, int begin, int end) {
  float* scores = chunk.scores + row * chunk.score_stride;
  const int first = begin / kLanes * kLanes;
  const int last = (end + kLanes - 1) / kLanes * kLanes;
  const float minus_infinity = -__builtin_inff();
  const bool capped = chunk.softcap > 0;
  Floats most_lanes = broadcast(minus_infinity);
  for (int i = first; i < last; i += kLanes) {
    Floats score = load(scores + i) * broadcast(chunk.scale);
    if (capped) score = broadcast(chunk.softcap) * hyperbolic_tangent(score / broadcast(chunk.softcap));
    store(scores + i, score);
  }
  for (int i = first; i < begin; ++i) scores[i] = minus_infinity;
  for (int i = end; i < last; ++i) scores[i] = minus_infinity;
  for (int i = first; i < last; i += kLanes) most_lanes = larger(load(scores + i), most_lanes);
  const float max = max_of_lanes(most_lanes);
  Floats sums = {};
  for (int i = first; i < last; i += kLanes) {
    const Floats weight = exponential(load(scores + i) - broadcast(max));
    store(scores + i, weight);
    sums = sums + weight;
  }
  chunk.max[row] = max;
  chunk.sum[row] = sum_of_lanes(sums);
}

// Adds weight * value over positions [begin, end) of one block, for kRows rows, whose weights are `stride` apart, and
// kVectors vectors of dimensions.
template <int kRows, int kVectors, typename Element>
static inline void value_tile(const AttentionChunk& chunk, int first_row, const float* weights, int stride,
                              const Element* values, int begin, int end, int dimension) {
  Floats sums[kRows][kVectors];
  float* out = chunk.accumulated + first_row * chunk.head_dim + dimension;
  for (int row = 0; row < kRows; ++row)
    for (int v = 0; v < kVectors; ++v) sums[row][v] = load(out + row * chunk.head_dim + v * kLanes);
  for (int position = begin; position < end; ++position) {
    Floats value[kVectors];
    for (int v = 0; v < kVectors; ++v) value[v] = load(values + position * chunk.head_dim + dimension + v * kLanes);
    for (int row = 0; row < kRows; ++row) {
      const Floats weight = broadcast(weights[row * stride + position]);
      for (int v = 0; v < kVectors; ++v) sums[row][v] = multiply_add(weight, value[v], sums[row][v]);
    }
  }
  for (int row = 0; row < kRows; ++row)
    for (int v = 0; v < kVectors; ++v) store(out + row * chunk.head_dim + v * kLanes, sums[row][v]);
}

template <int kRows, typename Element>
static void add_values(const AttentionChunk& chunk, int first_row, int block, const Element* values, int begin,
                       int end) {
  const float* weights = chunk.scores + first_row * chunk.score_stride + block * chunk.block_size;
  int d = 0;
  for (; d + kTileVectors * kLanes <= chunk.head_dim; d += kTileVectors * kLanes)
    value_tile<kRows, kTileVectors>(chunk, first_row, weights, chunk.score_stride, values, begin, end, d);
  for (; d + kLanes <= chunk.head_dim; d += kLanes)
    value_tile<kRows, 1>(chunk, first_row, weights, chunk.score_stride, values, begin, end, d);
  for (; d < chunk.head_dim; ++d)
    for (int row = 0; row < kRows; ++row) {
      float& sum = chunk.accumulated[(first_row + row) * chunk.head_dim + d];
      for (int position = begin; position < end; ++position)
        sum = multiply_add(weights[row * chunk.score_stride + position], load(values, position * chunk.head_dim + d),
                           sum);
    }
}

// The same over q8_0: the scales go into the weights, once for 32 dimensions.
template <int kRows>
static void add_values(const AttentionChunk& chunk, int first_row, int block, const signed char* values, int begin,
                       int end) {
  const auto* scales = reinterpret_cast<const uint16_t*>(values + chunk.head_dim * chunk.block_size);
  const float* weights = chunk.scores + first_row * chunk.score_stride + block * chunk.block_size;
  for (int d0 = 0; d0 < chunk.head_dim; d0 += kQ8Values) {
    for (int position = begin / kLanes * kLanes; position < end; position += kLanes) {
      const Floats scale = load(scales + d0 / kQ8Values * chunk.block_size + position);
      for (int row = 0; row < kRows; ++row)
        store(chunk.scaled + row * chunk.block_size + position,
              load(weights + row * chunk.score_stride + position) * scale);
    }
    constexpr int kTile = kTileVectors * kLanes;
    static_assert(kQ8Values % kTile == 0);
    for (int d = d0; d < d0 + kQ8Values; d += kTile)
      value_tile<kRows, kTileVectors>(chunk, first_row, chunk.scaled, chunk.block_size, values, begin, end, d);
  }
}

// Values of the kRows rows over one block. Only positions that all rows see go through the shared tile: a value that a
// row does not see must not touch it, not even with weight zero (0 * infinity).
template <int kRows, typename Element>
static void add_block(const AttentionChunk& chunk, int first_row, int block) {
  const int start = block * chunk.block_size;
  const Element* values = stretch_of<Element>(chunk, chunk.values, block);
  const auto add = [&]<int kCount>(Count<kCount>, int row, int from, int to) {
    if (from < to) add_values<kCount>(chunk, row, block, values, from, to);
  };
  const int32_t* begin = chunk.begin + first_row;
  const int32_t* end = chunk.end + first_row;
  int shared_begin = 0, shared_end = chunk.block_size;
  for (int row = 0; row < kRows; ++row) {
    shared_begin = most(shared_begin, begin[row] - start);
    shared_end = least(shared_end, end[row] - start);
  }
  shared_end = most(shared_begin, shared_end);
  for (int row = 0; row < kRows; ++row)
    add(Count<1>{}, first_row + row, most(0, begin[row] - start),
        least(least(shared_begin, chunk.block_size), end[row] - start));
  add(Count<kRows>{}, first_row, shared_begin, shared_end);
  for (int row = 0; row < kRows; ++row)
    add(Count<1>{}, first_row + row, most(most(0, shared_end), begin[row] - start),
        least(chunk.block_size, end[row] - start));
}

template <int kRows, typename Element>
static void attend_rows(const AttentionChunk& chunk, int first_row) {
  int begin = chunk.score_stride, end = 0;
  for (int row = first_row; row < first_row + kRows; ++row) {
    if (chunk.begin[row] >= chunk.end[row]) continue;
    begin = least(begin, chunk.begin[row]);
    end = most(end, chunk.end[row]);
  }
  if (begin >= end) return;
  score_rows<kRows, Element>(chunk, first_row, begin, end);
  for (int row = first_row; row < first_row + kRows; ++row) {
    float* out = chunk.accumulated + row * chunk.head_dim;
    for (int d = 0; d < chunk.head_dim; ++d) out[d] = 0;
    if (chunk.begin[row] < chunk.end[row]) soften_row(chunk, row, chunk.begin[row], chunk.end[row]);
  }
  for (int block = begin / chunk.block_size; block * chunk.block_size < end; ++block) {
    if (first_row == 0 && (block + 1) * chunk.block_size < end)
      prefetch_stretch<Element>(chunk, chunk.values, block + 1);
    add_block<kRows, Element>(chunk, first_row, block);
  }
}

template <typename Element>
static void attention_chunk(const AttentionChunk& chunk) {
  int row = 0;
  for (; row + kRowsPerTile <= chunk.n_rows; row += kRowsPerTile) attend_rows<kRowsPerTile, Element>(chunk, row);
  for (; row + 2 <= chunk.n_rows; row += 2) attend_rows<2, Element>(chunk, row);
  for (; row < chunk.n_rows; ++row) attend_rows<1, Element>(chunk, row);
}

static void attention_merge(float* accumulated, float* max, float* sum, const float* chunk_accumulated, float chunk_max,
                            float chunk_sum, int head_dim) {
  const float merged = *max > chunk_max ? *max : chunk_max;
  const Floats old_factor = exponential(broadcast(*max - merged));
  const Floats new_factor = exponential(broadcast(chunk_max - merged));
  for_each_vector(head_dim, [=](auto from, auto to) {
    to(accumulated, multiply_add(from(accumulated), old_factor, from(chunk_accumulated) * new_factor));
  });
  *sum = multiply_add(*sum, old_factor[0], chunk_sum * new_factor[0]);
  *max = merged;
}
