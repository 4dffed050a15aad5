// The CPU backend's memory behind a Tensor, and the views that its operations take of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/tensor.h"
#include "base/check.h"
#include "cpu/linear.h"

namespace quandex::cpu {

struct CpuBuffer final : Buffer {
  std::byte* memory = nullptr;           // null where the bytes are the file's
  const std::byte* bytes = nullptr;      // memory, or mapped bytes of the source; null where those lie in pieces
  std::vector<const std::byte*> pieces;  // mapped bytes of the source, piece_rows rows each
  int piece_rows = 0;
  bool is_weight = false;  // uploaded: read-only and perhaps packed
  bool packed = false;     // in the layout of cpu/linear.h
};

inline const CpuBuffer& buffer_of(Tensor t) {
  CHECK(t.buffer != nullptr);
  return *static_cast<const CpuBuffer*>(t.buffer);
}

// The bytes of a row-major tensor, for reading: uploaded ones may be read-only memory.
inline const std::byte* read_bytes(Tensor t) {
  const CpuBuffer& buffer = buffer_of(t);
  CHECK(!buffer.packed && buffer.pieces.empty());
  return buffer.bytes + t.offset;
}
inline const float* read_floats(Tensor t) {
  CHECK(t.type == DType::f32);
  return reinterpret_cast<const float*>(read_bytes(t));
}
inline const int32_t* read_integers(Tensor t) {
  CHECK(t.type == DType::i32);
  return reinterpret_cast<const int32_t*>(read_bytes(t));
}
inline const float* read_row(Tensor t, int row) { return read_floats(t) + static_cast<ptrdiff_t>(row) * t.cols; }

inline std::byte* write_bytes(Tensor t) {
  const CpuBuffer& buffer = buffer_of(t);
  CHECK(!buffer.is_weight);
  return buffer.memory + t.offset;
}
inline float* write_floats(Tensor t) {
  CHECK(t.type == DType::f32);
  return reinterpret_cast<float*>(write_bytes(t));
}
inline int32_t* write_integers(Tensor t) {
  CHECK(t.type == DType::i32);
  return reinterpret_cast<int32_t*>(write_bytes(t));
}
inline float* write_row(Tensor t, int row) { return write_floats(t) + static_cast<ptrdiff_t>(row) * t.cols; }

inline WeightMatrix matrix_of(Tensor t) {
  const CpuBuffer& buffer = buffer_of(t);
  const bool is_whole = buffer.packed || !buffer.pieces.empty();
  CHECK(!is_whole || t.offset == 0);
  WeightMatrix matrix{t.type, buffer.packed, t.rows, t.cols};
  if (buffer.pieces.empty()) {
    matrix.data = buffer.bytes + t.offset;
  } else {
    matrix.pieces = buffer.pieces.data();
    matrix.piece_rows = buffer.piece_rows;
  }
  return matrix;
}

}  // namespace quandex::cpu
