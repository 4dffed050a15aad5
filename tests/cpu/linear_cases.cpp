#include "cpu/linear_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "cpu/linear.h"
#include "cpu/linear_kernels.h"

namespace quandex::cpu {
namespace {

constexpr double kRounding = 4.0 * std::numeric_limits<float>::epsilon();
constexpr size_t kBlock = 32;  // activations that share a scale

size_t to_size(int n) { return static_cast<size_t>(n); }

// Bytes at the alignment the kernels ask for.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t n) : bytes_(n + kLinearAlignment) {}
  std::byte* data() {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
    return bytes_.data() + (kLinearAlignment - address % kLinearAlignment) % kLinearAlignment;
  }

 private:
  std::vector<std::byte> bytes_;
};

struct Weights {
  HostTensor tensor;             // as a file has it
  std::vector<std::byte> bytes;  // of its blocks
  std::array<std::vector<std::byte>, 3> planes;
  std::vector<float> decoded;  // [rows, cols]
};

void decode_all(const LinearCase& c, Weights& w) {
  const size_t row_size = row_bytes(c.type, c.cols), cols = to_size(c.cols);
  w.tensor = {.type = c.type, .shape = {c.rows, c.cols}, .planes = {}};
  append_to_planes(c.type, w.bytes, w.planes);
  for (size_t p = 0; p < w.planes.size(); ++p) w.tensor.planes[p] = w.planes[p];
  w.decoded.resize(to_size(c.rows) * cols);
  for (size_t r = 0; r < to_size(c.rows); ++r)
    decode_row(c.type, std::span(w.bytes).subspan(r * row_size, row_size),
               std::span(w.decoded).subspan(r * cols, cols));
}

Weights random_weights(const LinearCase& c) {
  std::mt19937 random(static_cast<unsigned>(c.rows * 1000 + c.cols));
  std::normal_distribution<float> normal;
  Weights w;
  const size_t row_size = row_bytes(c.type, c.cols);
  w.bytes.resize(to_size(c.rows) * row_size);
  std::vector<float> row(to_size(c.cols));
  for (size_t r = 0; r < to_size(c.rows); ++r) {
    for (float& value : row) value = normal(random);
    encode_row(c.type, row, std::span(w.bytes).subspan(r * row_size, row_size));
  }
  decode_all(c, w);
  return w;
}

std::vector<float> random_values(int n_tokens, int cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(to_size(n_tokens) * to_size(cols));
  for (float& value : values) value = normal(random);
  return values;
}

// A stored matrix and what runs it.
class Subject {
 public:
  Subject(const LinearCase& c, std::span<const RowSegment> segments)
      : kernels_(linear_kernels(c.level)),
        matrix_{.type = c.type, .packed = is_packed(c.type, c.exact_activations), .rows = c.rows, .cols = c.cols},
        storage_(stored_bytes(matrix_)) {
    matrix_.data = storage_.data();
    const int n_groups = n_row_groups(c.rows), middle = n_groups / 2;
    store_groups(matrix_, segments, middle, n_groups, storage_.data());
    store_groups(matrix_, segments, 0, middle, storage_.data());
  }
  Subject(const LinearCase& c, const Weights& w) : Subject(c, std::vector<RowSegment>{{&w.tensor, 0, c.rows}}) {}

  const WeightMatrix& matrix() const { return matrix_; }

  // out [n_tokens, stride]; the row ranges end at `splits`, the quantization is split after every third unit.
  void run(const float* values, int n_tokens, LinearOutput out, std::span<const int> splits = {}) {
    Activations a{
        .n_tokens = n_tokens, .cols = matrix_.cols, .values = values, .stride = matrix_.cols, .quantized = nullptr};
    AlignedBytes quantized(matrix_.packed ? quantized_bytes(kernels_, n_tokens, matrix_.cols) : 0);
    if (matrix_.packed) {
      const int n_units = n_quantize_units(n_tokens, matrix_.cols), step = splits.empty() ? n_units : 3;
      for (int unit = 0; unit < n_units; unit += step)
        quantize_activations(kernels_, a, unit, std::min(unit + step, n_units), quantized.data());
      a.quantized = quantized.data();
    }
    int row = 0;
    const auto run_to = [&](int end) {
      LinearOutput part = out;
      part.values += row;
      if (part.bias) part.bias += row;
      linear_rows(kernels_, matrix_, row, end, a, part);
      row = end;
    };
    for (const int split : splits) run_to(split);
    run_to(matrix_.rows);
  }

  std::vector<float> run(const std::vector<float>& values, int n_tokens, std::span<const int> splits = {}) {
    std::vector<float> out(to_size(n_tokens) * to_size(matrix_.rows));
    run(values.data(), n_tokens, {.values = out.data(), .stride = matrix_.rows}, splits);
    return out;
  }

 private:
  const LinearKernels& kernels_;
  WeightMatrix matrix_;
  AlignedBytes storage_;
};

struct Dot {
  double sum = 0;
  double magnitude = 0;  // sum of |w| |x|
  double half_step = 0;  // sum of |w| * half a quantization step of x
};

Dot dot_of(const float* w, const float* x, size_t n) {
  Dot dot;
  for (size_t k = 0; k < n; ++k) {
    const double product = double{w[k]} * double{x[k]};
    dot.sum += product;
    dot.magnitude += std::abs(product);
  }
  for (size_t k = 0; k < n; k += kBlock) {
    double largest = 0, weights = 0;
    for (size_t i = k; i < std::min(n, k + kBlock); ++i) {
      largest = std::max(largest, std::abs(double{x[i]}));
      weights += std::abs(double{w[i]});
    }
    dot.half_step += weights * largest / 127 / 2;
  }
  return dot;
}

// What quantization to 8 bits keeps of the values.
std::vector<float> quantized_values(const std::vector<float>& values) {
  std::vector<float> kept(values.size());
  for (size_t k = 0; k < values.size(); k += kBlock) {
    float largest = 0;
    for (size_t i = k; i < k + kBlock; ++i) largest = std::max(largest, std::abs(values[i]));
    if (largest == 0) continue;
    for (size_t i = k; i < k + kBlock; ++i) {
      const float code = std::nearbyint(values[i] * (127.0f / largest));
      kept[i] = static_cast<float>(double{code} * double{largest} / 127);
    }
  }
  return kept;
}

std::string compare(const LinearCase& c, const Weights& w, const std::vector<float>& x, const std::vector<float>& got,
                    int n_tokens, bool x_is_kept, bool is_packed) {
  const size_t cols = to_size(c.cols), rows = to_size(c.rows);
  for (size_t t = 0; t < to_size(n_tokens); ++t)
    for (size_t r = 0; r < rows; ++r) {
      const Dot want = dot_of(w.decoded.data() + r * cols, x.data() + t * cols, cols);
      double tolerance = kRounding * want.magnitude + std::numeric_limits<float>::min();
      if (is_packed && x_is_kept) tolerance *= static_cast<double>(cols / kBlock);
      if (is_packed && !x_is_kept) tolerance += want.half_step;
      const double error = std::abs(double{got[t * rows + r]} - want.sum);
      if (!(error <= tolerance))
        return fmt::format("{}, {} tokens, {}: token {} row {}: got {}, want {}, error {} is {} times the tolerance",
                           describe(c), n_tokens, x_is_kept ? "quantized activations" : "given activations", t, r,
                           got[t * rows + r], want.sum, error, error / tolerance);
    }
  return "";
}

std::string first_difference(const LinearCase& c, const char* what, std::span<const float> got,
                             std::span<const float> want) {
  for (size_t i = 0; i < want.size(); ++i)
    if (std::memcmp(&got[i], &want[i], sizeof(float)) != 0)
      return fmt::format("{}, {}: element {}: {} is not {}", describe(c), what, i, got[i], want[i]);
  return "";
}

std::string check_product_of(const LinearCase& c, const Weights& w, const std::vector<float>& x, int n_tokens) {
  Subject subject(c, w);
  const std::vector<float> got = subject.run(x, n_tokens);
  const bool packed = subject.matrix().packed;
  std::string failure = compare(c, w, x, got, n_tokens, false, packed);
  if (failure.empty() && packed) failure = compare(c, w, quantized_values(x), got, n_tokens, true, packed);
  return failure;
}

}  // namespace

std::string describe(const LinearCase& c) {
  return fmt::format("{} {}{} [{}, {}]", isa_name(c.level), format_of(c.type).name, c.exact_activations ? " exact" : "",
                     c.rows, c.cols);
}

std::string check_product(const LinearCase& c) {
  const Weights w = random_weights(c);
  for (const int n_tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 70}) {
    if (n_tokens > 9 && c.rows > 17) continue;
    const std::vector<float> x = random_values(n_tokens, c.cols, static_cast<unsigned>(n_tokens));
    if (const std::string failure = check_product_of(c, w, x, n_tokens); !failure.empty()) return failure;
  }
  return "";
}

std::string check_batch_invariance(const LinearCase& c) {
  constexpr int kTokens = 33;
  Subject subject(c, random_weights(c));
  const std::vector<float> x = random_values(kTokens, c.cols, 3);
  const std::vector<float> alone_first = subject.run(x, kTokens);
  const size_t rows = to_size(c.rows), cols = to_size(c.cols);
  for (const int n_tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9})
    for (const size_t start : {size_t{0}, size_t{5}, size_t{to_size(kTokens - n_tokens)}}) {
      std::vector<float> out(to_size(n_tokens) * rows);
      subject.run(x.data() + start * cols, n_tokens, {.values = out.data(), .stride = c.rows});
      const auto whole = std::span(alone_first).subspan(start * rows, out.size());
      const std::string failure = first_difference(c, "part of a batch", out, whole);
      if (!failure.empty()) return failure;
    }
  std::vector<int> splits;
  for (const int split : {1, 16, 21, 30, 37, 64, 80})
    if (split < c.rows) splits.push_back(split);
  splits.insert(splits.begin(), 0);
  return first_difference(c, "split rows", subject.run(x, kTokens, splits), alone_first);
}

std::string check_extreme_codes(const LinearCase& c) {
  const Format& format = format_of(c.type);
  const size_t row_size = row_bytes(c.type, c.cols);
  for (const int fill : {0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0}) {
    Weights w;
    w.bytes.assign(to_size(c.rows) * row_size, static_cast<std::byte>(fill));
    // The scales are 1.0 and the scales of sub-blocks what the fill makes them.
    constexpr uint16_t kOne = 0x3C00;
    for (size_t block = 0; block < w.bytes.size(); block += format.block_bytes) {
      const bool scale_is_last = c.type == DType::q6_k;
      std::memcpy(w.bytes.data() + block + (scale_is_last ? format.block_bytes - 2 : 0), &kOne, 2);
      if (c.type == DType::q4_k) std::memcpy(w.bytes.data() + block + 2, &kOne, 2);
    }
    decode_all(c, w);
    for (const int pattern : {0, 1, 2}) {
      std::vector<float> x(to_size(9 * c.cols));
      for (size_t i = 0; i < x.size(); ++i) x[i] = pattern == 0 || (pattern == 1 && i / 2 % 2 == 0) ? 1.0f : -1.0f;
      if (const std::string failure = check_product_of(c, w, x, 9); !failure.empty()) return failure;
    }
  }
  return "";
}

std::string check_bias_and_add(const LinearCase& c) {
  constexpr int kTokens = 5;
  Subject subject(c, random_weights(c));
  const std::vector<float> x = random_values(kTokens, c.cols, 4), bias = random_values(1, c.rows, 5);
  const std::vector<float> plain = subject.run(x, kTokens);
  const int stride = c.rows + 3;  // the output may be a part of wider rows
  const std::vector<float> before = random_values(kTokens, stride, 6);
  for (const bool add : {false, true})
    for (const bool has_bias : {false, true}) {
      std::vector<float> got = before, want = before;
      const std::vector<int> splits = c.rows > 18 ? std::vector<int>{5, 18} : std::vector<int>{};
      subject.run(x.data(), kTokens,
                  {.values = got.data(), .stride = stride, .bias = has_bias ? bias.data() : nullptr, .add = add},
                  splits);
      for (size_t t = 0; t < to_size(kTokens); ++t)
        for (size_t r = 0; r < to_size(c.rows); ++r) {
          float value = plain[t * to_size(c.rows) + r];
          if (has_bias) value += bias[r];
          float& target = want[t * to_size(stride) + r];
          target = add ? target + value : value;
        }
      const std::string failure = first_difference(c, add ? "added" : "set", got, want);
      if (!failure.empty()) return failure;
    }
  return "";
}

std::string check_not_finite(const LinearCase& c) {
  constexpr int kTokens = 6;
  Subject subject(c, random_weights(c));
  std::vector<float> x = random_values(kTokens, c.cols, 7);
  const std::vector<float> before = subject.run(x, kTokens);
  const size_t cols = to_size(c.cols), rows = to_size(c.rows);
  x[1 * cols + cols / 2] = std::numeric_limits<float>::infinity();
  x[4 * cols + cols - 1] = -std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> after = subject.run(x, kTokens);
  for (size_t t = 0; t < to_size(kTokens); ++t)
    for (size_t r = 0; r < rows; ++r) {
      const float got = after[t * rows + r];
      if (t == 1 || t == 4 ? std::isfinite(got) : got != before[t * rows + r])
        return fmt::format("{}: token {} row {} is {}, was {}", describe(c), t, r, got, before[t * rows + r]);
    }
  return "";
}

std::string check_unpacking(const LinearCase& c) {
  std::mt19937 random(9);
  Weights w;
  w.bytes.resize(to_size(c.rows) * row_bytes(c.type, c.cols));
  for (std::byte& byte : w.bytes) byte = static_cast<std::byte>(random() & 0xFF);
  decode_all(c, w);
  // The rows from the middle on, then the first ones backwards, one by one.
  std::vector<RowSegment> segments{{&w.tensor, c.rows / 2, c.rows - c.rows / 2}};
  for (int row = c.rows / 2; row-- > 0;) segments.push_back({&w.tensor, row, 1});
  const Subject subject(c, segments);
  const size_t cols = to_size(c.cols);
  std::vector<float> got(cols);
  for (int row = 0; row < c.rows; ++row) {
    unpack_row(subject.matrix(), row, got.data());
    const int n_first = c.rows - c.rows / 2;
    const int source = row < n_first ? c.rows / 2 + row : c.rows / 2 - 1 - (row - n_first);
    const auto want = std::span(w.decoded).subspan(to_size(source) * cols, cols);
    const std::string failure = first_difference(c, "unpacked row", got, want);
    if (!failure.empty()) return failure;
  }
  return "";
}

}  // namespace quandex::cpu
