// The function table that each ISA level's translation unit exports. Those units are compiled with their own target
// flags: this header and what they include define nothing that the linker could merge with the rest of the program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quandex::cpu {

// Arguments of the kernels over packed weights.
struct PackedProduct {
  const unsigned char* weights;    // group 0 of the matrix
  const unsigned char* quantized;  // tiles of quantized tokens
  float* out;                      // row first_row of token 0
  const float* bias;               // of row first_row, or null
  ptrdiff_t out_stride;
  int cols, n_tokens;
  int first_row, end_row;
  bool add;
};

// Arguments of the kernels over rows of reals.
struct RowProduct {
  const unsigned char* rows;  // first row of the range
  const float* values;        // row of token 0
  float* out;
  const float* bias;
  ptrdiff_t row_bytes, value_stride, out_stride;
  int cols, n_tokens, n_rows;
  bool add;
};

// Partial dots of a panel of decoded rows: sums[(t * n_rows + r) * 16 ..] += lanes of rows[r] * values[t] over `cols`
// columns; column k goes to lane k % 16. Every panel of a row but the last has a multiple of 16 columns.
struct PanelProduct {
  const float* panel;   // row r at panel + r * panel_stride
  const float* values;  // token t at values + t * value_stride
  float* sums;
  ptrdiff_t panel_stride, value_stride;
  int cols, n_tokens, n_rows;
};

struct LinearKernels {
  int tile_tokens;  // tokens interleaved in one tile of quantized activations; the last tile holds the rest
  // Quantizes blocks [first_block, end_block) of 32 values of one token into its place `lane` in a tile `width` wide.
  void (*quantize)(const float* values, int first_block, int end_block, int lane, int width, unsigned char* tile);

  void (*q4_0)(const PackedProduct&);
  void (*q8_0)(const PackedProduct&);
  void (*q4_k)(const PackedProduct&);
  void (*q6_k)(const PackedProduct&);

  void (*f32)(const RowProduct&);
  void (*f16)(const RowProduct&);
  void (*bf16)(const RowProduct&);

  void (*panel)(const PanelProduct&);
  void (*sum_lanes)(const float* sums, int n, float* out);  // n vectors of 16 lanes to n floats, in the fixed order
};

}  // namespace quandex::cpu
