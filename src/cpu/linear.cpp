#include "cpu/linear.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "cpu/linear_kernels.h"
#include "cpu/pack.h"

namespace quandex::cpu {
namespace {

constexpr int kRecordBytesPerToken = 52;  // of 32 columns, quantized (TileRecord in linear_packed.inl)

// Decoded panels of the generic path: so many rows by so many columns (a multiple of every block), for so many tokens
// at once. The worker's stack holds panel and sums: 48 KiB.
constexpr int kPanelRows = 4, kPanelCols = 2048, kPanelTokens = 64;

void (*packed_kernel(const LinearKernels& kernels, DType type))(const PackedProduct&) {
  switch (type) {
    case DType::q4_0:
      return kernels.q4_0;
    case DType::q8_0:
      return kernels.q8_0;
    case DType::q4_k:
      return kernels.q4_k;
    case DType::q6_k:
      return kernels.q6_k;
    default:
      return nullptr;
  }
}

void (*row_kernel(const LinearKernels& kernels, DType type))(const RowProduct&) {
  switch (type) {
    case DType::f32:
      return kernels.f32;
    case DType::f16:
      return kernels.f16;
    case DType::bf16:
      return kernels.bf16;
    default:
      return nullptr;
  }
}

size_t group_bytes_of(const WeightMatrix& matrix) {
  const PackedLayout* layout = packed_layout(matrix.type);
  CHECK(layout != nullptr);
  return packed_group_bytes(*layout, matrix.cols);
}

// Finds rows of the stacked segments one after another.
class RowCursor {
 public:
  explicit RowCursor(std::span<const RowSegment> segments) : segments_(segments) {}

  // One row. `row` must not decrease from call to call.
  RowSegment find(int64_t row) {
    while (index_ < segments_.size() && row >= first_ + segments_[index_].n_rows) first_ += segments_[index_++].n_rows;
    CHECK(index_ < segments_.size());
    const RowSegment& segment = segments_[index_];
    return {segment.source, segment.first_row + row - first_, 1};
  }

 private:
  std::span<const RowSegment> segments_;
  size_t index_ = 0;
  int64_t first_ = 0;  // row of the matrix where segments_[index_] begins
};

// Columns [first_col, first_col + n_cols) of a row-major row as floats.
void decode_columns(const Format& format, const std::byte* row, int first_col, int n_cols, float* out) {
  const std::byte* block = row + static_cast<size_t>(first_col / format.block_values) * format.block_bytes;
  for (int col = 0; col < n_cols; col += format.block_values, block += format.block_bytes)
    format.decode(block, out + col);
}

// The end of the rows from `row` on that follow each other in memory, at most end_row.
int end_of_piece(const WeightMatrix& matrix, int row, int end_row) {
  if (matrix.pieces == nullptr) return end_row;
  return std::min(end_row, (row / matrix.piece_rows + 1) * matrix.piece_rows);
}

// kPanelRows or fewer rows of one piece from `row` on, for kPanelTokens or fewer tokens from `token` on.
void generic_tile(const LinearKernels& kernels, const WeightMatrix& w, int row, int n_rows, const Activations& a,
                  int token, int n_tokens, const LinearOutput& out, int first_row) {
  alignas(64) std::array<float, size_t{kPanelRows} * kPanelCols> panel;
  alignas(64) std::array<float, size_t{kPanelRows} * kPanelTokens * 16> sums;
  const Format& format = format_of(w.type);
  const size_t row_size = row_bytes(w.type, w.cols);
  const std::byte* const rows = row_data(w, row);
  const int n_sums = n_rows * n_tokens;
  std::fill_n(sums.begin(), n_sums * 16, 0.0f);
  for (int col = 0; col < w.cols; col += kPanelCols) {
    const int n_cols = std::min(kPanelCols, w.cols - col);
    for (int r = 0; r < n_rows; ++r)
      decode_columns(format, rows + static_cast<size_t>(r) * row_size, col, n_cols, panel.data() + r * kPanelCols);
    kernels.panel({.panel = panel.data(),
                   .values = a.values + token * a.stride + col,
                   .sums = sums.data(),
                   .panel_stride = kPanelCols,
                   .value_stride = a.stride,
                   .cols = n_cols,
                   .n_tokens = n_tokens,
                   .n_rows = n_rows});
  }
  std::array<float, size_t{kPanelRows} * kPanelTokens> dots;
  kernels.sum_lanes(sums.data(), n_sums, dots.data());
  for (int t = 0; t < n_tokens; ++t)
    for (int r = 0; r < n_rows; ++r) {
      float& target = out.values[(token + t) * out.stride + (row + r - first_row)];
      const float dot = dots[static_cast<size_t>(t * n_rows + r)];
      const float value = out.bias ? dot + out.bias[row + r - first_row] : dot;
      target = out.add ? target + value : value;
    }
}

// Any format with a decode: rows become floats a panel at a time.
void generic_product(const LinearKernels& kernels, const WeightMatrix& w, int first_row, int end_row,
                     const Activations& a, const LinearOutput& out) {
  for (int row = first_row; row < end_row; row += kPanelRows)
    for (int token = 0; token < a.n_tokens; token += kPanelTokens)
      generic_tile(kernels, w, row, std::min(kPanelRows, end_row - row), a, token,
                   std::min(kPanelTokens, a.n_tokens - token), out, first_row);
}

// Rows of one piece.
void row_major_product(const LinearKernels& kernels, const WeightMatrix& w, int first_row, int end_row,
                       const Activations& a, const LinearOutput& out) {
  const auto kernel = row_kernel(kernels, w.type);
  if (kernel == nullptr) return generic_product(kernels, w, first_row, end_row, a, out);
  kernel({.rows = reinterpret_cast<const unsigned char*>(row_data(w, first_row)),
          .values = a.values,
          .out = out.values,
          .bias = out.bias,
          .row_bytes = static_cast<ptrdiff_t>(row_bytes(w.type, w.cols)),
          .value_stride = a.stride,
          .out_stride = out.stride,
          .cols = w.cols,
          .n_tokens = a.n_tokens,
          .n_rows = end_row - first_row,
          .add = out.add});
}

}  // namespace

const std::byte* row_data(const WeightMatrix& matrix, int row) {
  const size_t row_size = row_bytes(matrix.type, matrix.cols);
  if (matrix.pieces == nullptr) return matrix.data + static_cast<size_t>(row) * row_size;
  return matrix.pieces[row / matrix.piece_rows] + static_cast<size_t>(row % matrix.piece_rows) * row_size;
}

bool is_packed(DType type, bool exact_activations) { return !exact_activations && packed_layout(type) != nullptr; }

size_t stored_bytes(const WeightMatrix& matrix) {
  if (matrix.packed) return static_cast<size_t>(n_row_groups(matrix.rows)) * group_bytes_of(matrix);
  return static_cast<size_t>(matrix.rows) * row_bytes(matrix.type, matrix.cols);
}

void store_groups(const WeightMatrix& matrix, std::span<const RowSegment> segments, int first_group, int end_group,
                  std::byte* destination) {
  RowCursor cursor(segments);
  const size_t row_size = row_bytes(matrix.type, matrix.cols);
  const bool is_gathered = format_of(matrix.type).n_planes() > 1;
  std::vector<std::byte> gathered(matrix.packed && is_gathered ? row_size * kRowGroup : 0);
  for (int group = first_group; group < end_group; ++group) {
    std::array<const std::byte*, kRowGroup> rows{};
    const int n_rows = std::min(kRowGroup, matrix.rows - group * kRowGroup);
    for (int r = 0; r < n_rows; ++r) {
      const int64_t row = int64_t{group} * kRowGroup + r;
      const RowSegment found = cursor.find(row);
      if (matrix.packed && !is_gathered) {
        rows[static_cast<size_t>(r)] = found.source->planes[0].data() + static_cast<size_t>(found.first_row) * row_size;
        continue;
      }
      std::byte* const to = matrix.packed ? gathered.data() + static_cast<size_t>(r) * row_size
                                          : destination + static_cast<size_t>(row) * row_size;
      copy_row(*found.source, found.first_row, {to, row_size});
      rows[static_cast<size_t>(r)] = to;
    }
    if (matrix.packed)
      pack_group(matrix.type, rows, matrix.cols, destination + static_cast<size_t>(group) * group_bytes_of(matrix));
  }
}

void unpack_row(const WeightMatrix& matrix, int row, float* out) {
  const Format& format = format_of(matrix.type);
  if (!matrix.packed)
    return decode_row(matrix.type, {row_data(matrix, row), row_bytes(matrix.type, matrix.cols)},
                      {out, static_cast<size_t>(matrix.cols)});
  const std::byte* group = matrix.data + static_cast<size_t>(row / kRowGroup) * group_bytes_of(matrix);
  for (int block = 0; block < matrix.cols / format.block_values; ++block) {
    std::array<std::byte, 512> bytes;
    CHECK(format.block_bytes <= bytes.size());
    unpack_block(matrix.type, group, row % kRowGroup, block, bytes.data());
    format.decode(bytes.data(), out + block * format.block_values);
  }
}

size_t quantized_bytes(const LinearKernels&, int n_tokens, int cols) {
  return static_cast<size_t>(n_quantize_units(n_tokens, cols)) * kRecordBytesPerToken;
}

void quantize_activations(const LinearKernels& kernels, const Activations& a, int first_unit, int end_unit,
                          std::byte* destination) {
  const int n_blocks = a.cols / 32;
  auto* tiles = reinterpret_cast<unsigned char*>(destination);
  for (int unit = first_unit; unit < end_unit;) {
    const int token = unit / n_blocks, first_block = unit % n_blocks;
    const int end_block = std::min(n_blocks, first_block + (end_unit - unit));
    const int tile = token / kernels.tile_tokens * kernels.tile_tokens;
    const int width = std::min(kernels.tile_tokens, a.n_tokens - tile);
    kernels.quantize(a.values + token * a.stride, first_block, end_block, token - tile, width,
                     tiles + static_cast<size_t>(tile) * static_cast<size_t>(n_blocks) * kRecordBytesPerToken);
    unit += end_block - first_block;
  }
}

Activations tokens_of(const LinearKernels& kernels, const Activations& a, int first, int n) {
  CHECK(first % kernels.tile_tokens == 0 && first + n <= a.n_tokens);
  CHECK(a.quantized == nullptr || n % kernels.tile_tokens == 0 || first + n == a.n_tokens);
  Activations part = a;
  part.n_tokens = n;
  if (a.values != nullptr) part.values += first * a.stride;
  if (a.quantized != nullptr) part.quantized += quantized_bytes(kernels, first, a.cols);
  return part;
}

void linear_rows(const LinearKernels& kernels, const WeightMatrix& w, int first_row, int end_row, const Activations& a,
                 const LinearOutput& out) {
  CHECK(0 <= first_row && end_row <= w.rows && a.cols == w.cols);
  if (first_row >= end_row) return;
  if (w.packed) {
    CHECK(a.quantized != nullptr);
    return packed_kernel(kernels, w.type)({.weights = reinterpret_cast<const unsigned char*>(w.data),
                                           .quantized = reinterpret_cast<const unsigned char*>(a.quantized),
                                           .out = out.values,
                                           .bias = out.bias,
                                           .out_stride = out.stride,
                                           .cols = w.cols,
                                           .n_tokens = a.n_tokens,
                                           .first_row = first_row,
                                           .end_row = end_row,
                                           .add = out.add});
  }
  CHECK(a.values != nullptr);
  for (int row = first_row; row < end_row;) {
    const int end = end_of_piece(w, row, end_row), done = row - first_row;
    row_major_product(kernels, w, row, end, a,
                      {out.values + done, out.stride, out.bias == nullptr ? nullptr : out.bias + done, out.add});
    row = end;
  }
}

}  // namespace quandex::cpu
