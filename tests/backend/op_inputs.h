// Seeded inputs on a backend and what comes back from it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "format/dtype.h"

namespace quandex::test {

inline constexpr double kEps = std::numeric_limits<float>::epsilon();
inline constexpr double kTolerance = 4 * kEps;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  float real(float magnitude = 1) {  // in (-magnitude, magnitude)
    return magnitude * (static_cast<float>(engine_() >> 8) * 0x1p-23f - 1);
  }
  int below(int n) { return static_cast<int>(engine_() % static_cast<uint32_t>(n)); }
  std::vector<float> reals(size_t n, float magnitude = 1) {
    std::vector<float> values(n);
    for (float& value : values) value = real(magnitude);
    return values;
  }
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[static_cast<size_t>(below(static_cast<int>(i)))]);
  }

 private:
  std::mt19937 engine_;
};

inline size_t area(int rows, int cols) { return static_cast<size_t>(rows) * static_cast<size_t>(cols); }

template <typename T>
void set_tensor(Backend& backend, Tensor t, std::span<const T> values) {
  std::memcpy(backend.host_view(t).data(), values.data(), values.size_bytes());
}
inline Tensor float_tensor(Backend& backend, int rows, int cols, const std::vector<float>& values) {
  const Tensor t = backend.allocate(DType::f32, rows, cols);
  set_tensor<float>(backend, t, values);
  return t;
}
inline Tensor integer_tensor(Backend& backend, int rows, int cols, const std::vector<int32_t>& values) {
  const Tensor t = backend.allocate(DType::i32, rows, cols);
  set_tensor<int32_t>(backend, t, values);
  return t;
}
inline std::vector<float> floats_of(Backend& backend, Tensor t) {
  std::vector<float> values(area(t.rows, t.cols));
  std::memcpy(values.data(), backend.host_view(t).data(), values.size() * sizeof(float));
  return values;
}
inline std::vector<int32_t> integers_of(Backend& backend, Tensor t) {
  std::vector<int32_t> values(area(t.rows, t.cols));
  std::memcpy(values.data(), backend.host_view(t).data(), values.size() * sizeof(int32_t));
  return values;
}

// A weight matrix of any format, with its decoded values beside the stored bytes. Keep it while the backend lives.
struct HostMatrix {
  HostMatrix(DType type, int rows, int cols, Random& random) : decoded(area(rows, cols)) {
    const std::vector<float> values = random.reals(area(rows, cols));
    const size_t bytes_per_row = row_bytes(type, cols);
    std::vector<std::byte> row(bytes_per_row);
    for (int r = 0; r < rows; ++r) {
      encode_row(type, {values.data() + area(r, cols), static_cast<size_t>(cols)}, row);
      decode_row(type, row, {decoded.data() + area(r, cols), static_cast<size_t>(cols)});
      append_to_planes(type, row, planes);
    }
    tensor.type = type;
    tensor.shape = {rows, cols};
    for (size_t p = 0; p < planes.size(); ++p) tensor.planes[p] = planes[p];
  }
  HostMatrix(const HostMatrix&) = delete;
  HostMatrix& operator=(const HostMatrix&) = delete;

  Tensor upload(Backend& backend) const {
    const RowSegment all{&tensor, 0, tensor.rows()};
    return backend.upload("test", tensor.type, {&all, 1});
  }

  std::array<std::vector<std::byte>, 3> planes;
  std::vector<float> decoded;
  HostTensor tensor;
};

inline void submit(Backend& backend, CommandBatch& batch) { backend.wait(batch.submit()); }

}  // namespace quandex::test
