// Kernels over rows of reals, in the vocabulary of simd_*.inl; included inside the namespace of one translation unit.
//
// One output is the dot of two rows: column k is added to lane k % 16 of its 16 sums in order of k, and the lanes are
// summed at the end in the order of sum_of. That is so for every tile of rows and tokens.

struct F32 {
  static constexpr int kBytes = 4;
  static Lanes load(const unsigned char* p) { return load_lanes(p); }
};
struct F16 {
  static constexpr int kBytes = 2;
  static Lanes load(const unsigned char* p) { return load_f16(p); }
};
struct Bf16 {
  static constexpr int kBytes = 2;
  static Lanes load(const unsigned char* p) { return load_bf16(p); }
};

// The last columns of a row, fewer than 16, followed by zeros.
template <typename Element>
inline Lanes load_tail(const unsigned char* p, int n) {
  unsigned char padded[16 * Element::kBytes] = {};
  __builtin_memcpy(padded, p, static_cast<size_t>(n * Element::kBytes));
  return Element::load(padded);
}

// sums[r][t] += lanes of row r * values of token t.
template <typename Element, int n_rows, int n_tokens>
[[gnu::always_inline]] inline void add_dots(const unsigned char* rows, ptrdiff_t row_bytes, const float* values,
                                            ptrdiff_t value_stride, int cols, Lanes (&sums)[n_rows][n_tokens]) {
  const auto value_at = [&](int t, int k) {
    return reinterpret_cast<const unsigned char*>(values + value_stride * t + k);
  };
  const auto row_at = [&](int r, int k) { return rows + row_bytes * r + ptrdiff_t{Element::kBytes} * k; };
  int k = 0;
  for (; k + 16 <= cols; k += 16) {
    Lanes x[n_tokens];
    for (int t = 0; t < n_tokens; ++t) x[t] = load_lanes(value_at(t, k));
    for (int r = 0; r < n_rows; ++r) {
      const Lanes w = Element::load(row_at(r, k));
      for (int t = 0; t < n_tokens; ++t) sums[r][t] = multiply_add(w, x[t], sums[r][t]);
    }
  }
  if (k == cols) return;
  for (int r = 0; r < n_rows; ++r) {
    const Lanes w = load_tail<Element>(row_at(r, k), cols - k);
    for (int t = 0; t < n_tokens; ++t)
      sums[r][t] = multiply_add(w, load_tail<F32>(value_at(t, k), cols - k), sums[r][t]);
  }
}

template <typename Element, int n_rows, int n_tokens>
void row_tile(const RowProduct& p, int row, int token) {
  Lanes sums[n_rows][n_tokens];
  for (int r = 0; r < n_rows; ++r)
    for (int t = 0; t < n_tokens; ++t) sums[r][t] = zero_lanes();
  add_dots<Element, n_rows, n_tokens>(p.rows + p.row_bytes * row, p.row_bytes, p.values + p.value_stride * token,
                                      p.value_stride, p.cols, sums);
  for (int t = 0; t < n_tokens; ++t) {
    float* out = p.out + p.out_stride * (token + t) + row;
    for (int r = 0; r < n_rows; ++r) {
      const float dot = sum_of(sums[r][t]);
      const float value = p.bias ? dot + p.bias[row + r] : dot;
      out[r] = p.add ? out[r] + value : value;
    }
  }
}

template <typename Element, int n_rows, int n_tokens>
void row_strip(const RowProduct& p, int first_row, int end_row, int token) {
  int row = first_row;
  for (; row + n_rows <= end_row; row += n_rows) row_tile<Element, n_rows, n_tokens>(p, row, token);
  for (; row < end_row; ++row) row_tile<Element, 1, n_tokens>(p, row, token);
}

constexpr ptrdiff_t kRowsBytes = 128 << 10;  // of rows that stay in the second-level cache over all tokens

template <typename Element>
void row_product(const RowProduct& p) {
  const ptrdiff_t fitting = kRowsBytes / (ptrdiff_t{Element::kBytes} * p.cols + 1);
  const int step = fitting < 8 ? 8 : fitting > 4096 ? 4096 : static_cast<int>(fitting / 4 * 4);
  for (int row = 0; row < p.n_rows; row += step) {
    const int end = row + step < p.n_rows ? row + step : p.n_rows;
    int token = 0;
    for (; token + kDotTokens <= p.n_tokens; token += kDotTokens)
      row_strip<Element, kDotRows, kDotTokens>(p, row, end, token);
    for (; token < p.n_tokens; ++token) row_strip<Element, kStreamRows, 1>(p, row, end, token);
  }
}

// sums of rows [row, row + n_rows) and tokens [token, token + n_tokens) of a panel.
template <int n_rows, int n_tokens>
void panel_tile(const PanelProduct& p, int row, int token) {
  Lanes sums[n_rows][n_tokens];
  const auto sum_at = [&](int r, int t) { return p.sums + (ptrdiff_t{p.n_rows} * (token + t) + row + r) * 16; };
  for (int r = 0; r < n_rows; ++r)
    for (int t = 0; t < n_tokens; ++t) sums[r][t] = load_lanes(reinterpret_cast<const unsigned char*>(sum_at(r, t)));
  add_dots<F32, n_rows, n_tokens>(reinterpret_cast<const unsigned char*>(p.panel + p.panel_stride * row),
                                  p.panel_stride * 4, p.values + p.value_stride * token, p.value_stride, p.cols, sums);
  for (int r = 0; r < n_rows; ++r)
    for (int t = 0; t < n_tokens; ++t) store_lanes(sums[r][t], sum_at(r, t));
}

template <int n_rows, int n_tokens>
void panel_strip(const PanelProduct& p, int token) {
  int row = 0;
  for (; row + n_rows <= p.n_rows; row += n_rows) panel_tile<n_rows, n_tokens>(p, row, token);
  for (; row < p.n_rows; ++row) panel_tile<1, n_tokens>(p, row, token);
}

void panel_product(const PanelProduct& p) {
  int token = 0;
  for (; token + kDotTokens <= p.n_tokens; token += kDotTokens) panel_strip<kDotRows, kDotTokens>(p, token);
  for (; token < p.n_tokens; ++token) panel_strip<kStreamRows, 1>(p, token);
}

void sum_lanes(const float* sums, int n, float* out) {
  for (int i = 0; i < n; ++i)
    out[i] = sum_of(load_lanes(reinterpret_cast<const unsigned char*>(sums + ptrdiff_t{16} * i)));
}

constexpr LinearKernels kTable{
    .tile_tokens = kTileTokens,
    .quantize = quantize,
    .q4_0 = packed_product<Q4_0>,
    .q8_0 = packed_product<Q8_0>,
    .q4_k = packed_product<Q4_K>,
    .q6_k = packed_product<Q6_K>,
    .f32 = row_product<F32>,
    .f16 = row_product<F16>,
    .bf16 = row_product<Bf16>,
    .panel = panel_product,
    .sum_lanes = sum_lanes,
};
