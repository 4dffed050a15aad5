// Where weights come from: a GGUF file, a set of shards, random numbers for tests. The loader sees only this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/dtype.h"

namespace quandex {

// A tensor as stored in a file. Planes are views into mapped memory that live as long as the source; empty planes mean
// shape only, which is enough for the shape check and the cost model.
struct HostTensor {
  DType type = DType::f32;
  std::vector<int64_t> shape;                        // outermost first: [rows, cols] for a matrix, [n] for a vector
  std::array<std::span<const std::byte>, 3> planes;  // blocks; or what Format::plane_bytes keeps apart

  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const {  // product of all dimensions but the last
    int64_t n = 1;
    for (size_t i = 0; i + 1 < shape.size(); ++i) n *= shape[i];
    return n;
  }
  uint64_t size_bytes() const { return planes[0].size() + planes[1].size() + planes[2].size(); }
};

// True where every plane has the bytes of rows [0, n_rows).
bool holds_rows(const HostTensor& tensor, int64_t n_rows);

// Gathers one row from its planes as the format's blocks, row_bytes of them.
void copy_row(const HostTensor& tensor, int64_t row, std::span<std::byte> blocks);

// The reverse: appends the parts of whole blocks to the planes they belong to.
void append_to_planes(DType type, std::span<const std::byte> blocks, std::array<std::vector<std::byte>, 3>& planes);

// One row as floats; out holds tensor.cols() of them.
void decode_row(const HostTensor& tensor, int64_t row, std::span<float> out);

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual std::span<const std::string> names() const = 0;  // all of them, so that nothing in a file goes unnoticed
  virtual std::optional<HostTensor> find(std::string_view name) const = 0;
  virtual std::string_view description() const = 0;  // for messages: the path, or "random weights"
  // What the file calls a tensor that has or would have this name, for messages.
  virtual std::string name_in_file(std::string_view name) const { return std::string(name); }
  // Tells the source that a tensor's bytes have been copied elsewhere and its resident pages may go.
  virtual void release(std::string_view name) const = 0;
};

// Rows [first_row, first_row + n_rows) of a tensor. Un-permuting, splitting, fusing and stacking are lists of these.
struct RowSegment {
  const HostTensor* source;
  int64_t first_row, n_rows;
};

}  // namespace quandex
