// y = x Wᵀ (+ bias) for weights of every format: storage at upload, quantization of activations, the product over a
// range of rows. Everything here is plain functions over the caller's memory: nothing is threaded, and only
// store_groups may allocate. The caller partitions the ranges over the workers of a step and puts a barrier between
// quantize_activations and linear_rows.
//
// Batch invariance: the float operations behind one output element depend on the columns, the format and the ISA level
// only; never on the number of tokens, the range of rows or the worker.
#pragma once

#include <cstddef>
#include <span>

#include "base/cpu_features.h"
#include "format/dtype.h"
#include "format/weight_source.h"

namespace quandex::cpu {

struct LinearKernels;  // one ISA level's function table (linear_kernels.h)

// The table of a level that this machine supports (one of supported_isa_levels()).
const LinearKernels& linear_kernels(IsaLevel level);

// Packed storage interleaves groups of this many rows; ranges that are multiples of it waste nothing.
inline constexpr int kRowGroup = 16;
// Alignment in bytes of packed storage and of the buffer of quantized activations.
inline constexpr size_t kLinearAlignment = 64;

// Formats with integer kernels are kept packed (see pack.h); all others, and all of them where activations are never
// to be quantized, row-major as in the file: such an upload of one segment may alias the file's bytes.
bool is_packed(DType type, bool exact_activations);

// A stored weight matrix: a view.
struct WeightMatrix {
  DType type = DType::f32;
  bool packed = false;
  int rows = 0, cols = 0;
  const std::byte* data = nullptr;  // packed: kLinearAlignment; row-major: see row_alignment()
  // Row-major rows may also lie in pieces of equal height, as files keep the experts of a layer: rows
  // [i * piece_rows, (i + 1) * piece_rows) begin at pieces[i], and data is null.
  const std::byte* const* pieces = nullptr;
  int piece_rows = 0;
};

// What the bytes of a row-major matrix must be aligned to: blocks are read byte by byte, numbers are not.
inline size_t row_alignment(DType type) {
  const Format& format = format_of(type);
  return format.block_values == 1 ? format.block_bytes : 1;
}

// The bytes of one row of a row-major matrix.
const std::byte* row_data(const WeightMatrix& matrix, int row);

// Storage of matrix.rows x matrix.cols, `data` not read. Packed rows are padded to whole groups.
size_t stored_bytes(const WeightMatrix& matrix);
inline int n_row_groups(int rows) { return (rows + kRowGroup - 1) / kRowGroup; }

// Fills the groups [first_group, end_group) of the storage at `destination` (of the whole matrix) from the rows of the
// segments in their order. Groups are independent: split them over workers as you like.
void store_groups(const WeightMatrix& matrix, std::span<const RowSegment> segments, int first_group, int end_group,
                  std::byte* destination);

// One row as floats, equal bit for bit to decode_row of the row that was stored; out holds matrix.cols floats.
void unpack_row(const WeightMatrix& matrix, int row, float* out);

// Bytes of the quantized form of n_tokens rows of cols values (cols a multiple of 32). Tokens are interleaved in tiles:
// a buffer filled for n tokens is read with the same n only.
size_t quantized_bytes(const LinearKernels& kernels, int n_tokens, int cols);

// Rows of activations. `quantized` is read for packed matrices only and `values` for the others only.
struct Activations {
  int n_tokens = 0, cols = 0;
  const float* values = nullptr;  // row t at values + t * stride
  ptrdiff_t stride = 0;
  const std::byte* quantized = nullptr;
};

// Quantizes units [first_unit, end_unit) of the n_tokens * cols / 32 units of 32 values each (unit u: token
// u / (cols / 32)) from a.values into `destination` (quantized_bytes, kLinearAlignment). Units are independent.
// A unit with a value that is not finite gives NaN in every output of its token.
void quantize_activations(const LinearKernels& kernels, const Activations& a, int first_unit, int end_unit,
                          std::byte* destination);
inline int n_quantize_units(int n_tokens, int cols) { return n_tokens * (cols / 32); }

// Tokens [first, first + n) of `a`; `first` is a multiple of the kernels' tile_tokens.
Activations tokens_of(const LinearKernels& kernels, const Activations& a, int first, int n);

// Where the product goes: for row r of the range and token t, values[t * stride + (r - first_row)] is set to, or
// increased by, dot + bias[r - first_row].
struct LinearOutput {
  float* values = nullptr;
  ptrdiff_t stride = 0;
  const float* bias = nullptr;  // null: none
  bool add = false;
};

// The product for rows [first_row, end_row) and all tokens of `a`.
void linear_rows(const LinearKernels& kernels, const WeightMatrix& w, int first_row, int end_row, const Activations& a,
                 const LinearOutput& out);

}  // namespace quandex::cpu
