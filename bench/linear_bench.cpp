// Speed of the matrix kernels: GB/s of weights and GMAC/s for each level, format and number of tokens, beside the read
// bandwidth and the multiply-accumulate rate of the same level measured in the same run.
//
//   linear_bench [threads] [format] [level]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "cpu/linear.h"

namespace quandex::cpu {
namespace {

constexpr int kRepeats = 7;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < kRepeats; ++i) seconds.push_back(seconds_of(work));
  std::nth_element(seconds.begin(), seconds.begin() + kRepeats / 2, seconds.end());
  return seconds[kRepeats / 2];
}

struct AlignedDelete {
  void operator()(std::byte* p) const { std::free(p); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;

AlignedBytes allocate(size_t n_bytes) {
  constexpr size_t kPage = size_t{2} << 20;  // so that the system may use huge pages
  const size_t rounded = (n_bytes + kPage - 1) / kPage * kPage;
  auto* p = static_cast<std::byte*>(std::aligned_alloc(kPage, rounded));
  std::memset(p, 1, rounded);
  return AlignedBytes(p);
}

// First and last unit of a worker's share.
std::pair<int, int> share(int n, int worker, int n_workers) {
  return {static_cast<int>(int64_t{n} * worker / n_workers), static_cast<int>(int64_t{n} * (worker + 1) / n_workers)};
}

double measure_read_bandwidth(ThreadPool& pool) {
  constexpr size_t kWords = size_t{64} << 20, kStreams = 4;
  const AlignedBytes memory = allocate(kWords * 8);
  const auto* words = reinterpret_cast<const uint64_t*>(memory.get());
  std::vector<uint64_t> sinks(static_cast<size_t>(pool.n_threads()) * 8);
  const double seconds = median_seconds([&] {
    pool.run([&](int worker) {
      // Several streams: one alone does not fill a core's share of the memory bus.
      const size_t n = kWords / static_cast<size_t>(pool.n_threads()) / kStreams / 8 * 8;
      const uint64_t* begin = words + n * kStreams * static_cast<size_t>(worker);
      uint64_t sums[8] = {};
      for (size_t i = 0; i < n; i += 8)
        for (size_t stream = 0; stream < kStreams; ++stream) {
          const uint64_t* line = begin + stream * n + i;
          __builtin_prefetch(line + 512);
          for (size_t j = 0; j < 8; ++j) sums[j] += line[j];
        }
      for (const uint64_t sum : sums) sinks[static_cast<size_t>(worker) * 8] += sum;
    });
  });
  return static_cast<double>(kWords) * 8 / seconds;
}

// A product of `rows` x `cols` over `n_tokens`, run by the whole pool.
class Product {
 public:
  Product(ThreadPool& pool, IsaLevel level, DType type, int rows, int cols, int n_tokens)
      : pool_(pool), kernels_(linear_kernels(level)) {
    matrix_ = {.type = type, .packed = is_packed(type, false), .rows = rows, .cols = cols};
    weights_ = allocate(stored_bytes(matrix_));
    matrix_.data = weights_.get();
    fill_weights();
    values_.resize(static_cast<size_t>(n_tokens) * static_cast<size_t>(cols));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& value : values_) value = normal(random);
    quantized_ = allocate(quantized_bytes(kernels_, n_tokens, cols));
    out_.resize(static_cast<size_t>(n_tokens) * static_cast<size_t>(rows));
    activations_ = {n_tokens, cols, values_.data(), cols, quantized_.get()};
  }

  void run() {
    pool_.run([&](int worker) {
      if (matrix_.packed) {
        const auto [first, end] =
            share(n_quantize_units(activations_.n_tokens, activations_.cols), worker, pool_.n_threads());
        quantize_activations(kernels_, activations_, first, end, quantized_.get());
        pool_.barrier();
      }
      const auto [first, end] = share(n_row_groups(matrix_.rows), worker, pool_.n_threads());
      linear_rows(kernels_, matrix_, first * kRowGroup, std::min(end * kRowGroup, matrix_.rows), activations_,
                  {.values = out_.data() + first * kRowGroup, .stride = matrix_.rows});
    });
  }

  size_t weight_bytes() const { return stored_bytes(matrix_); }

 private:
  void fill_weights() {  // the rows of one small random tensor over and over
    constexpr int kDistinctRows = 64;
    std::mt19937 random(2);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    std::vector<float> row(static_cast<size_t>(matrix_.cols));
    HostTensor tensor{.type = matrix_.type, .shape = {kDistinctRows, matrix_.cols}, .planes = {}};
    const size_t row_size = row_bytes(matrix_.type, matrix_.cols);
    std::vector<std::byte> bytes(row_size * kDistinctRows);
    for (size_t r = 0; r < kDistinctRows; ++r) {
      for (float& value : row) value = normal(random);
      encode_row(matrix_.type, row, std::span(bytes).subspan(r * row_size, row_size));
    }
    tensor.planes[0] = bytes;
    std::vector<RowSegment> segments;
    for (int r = 0; r < matrix_.rows; r += kDistinctRows)
      segments.push_back({&tensor, 0, std::min(kDistinctRows, matrix_.rows - r)});
    store_groups(matrix_, segments, 0, n_row_groups(matrix_.rows), weights_.get());
  }

  ThreadPool& pool_;
  const LinearKernels& kernels_;
  WeightMatrix matrix_;
  AlignedBytes weights_, quantized_;
  std::vector<float> values_, out_;
  Activations activations_;
};

void bench_format(ThreadPool& pool, IsaLevel level, DType type, double read_bandwidth) {
  // Decode reads weights that no cache holds; prefill has the shape of a feed-forward layer.
  const struct {
    int rows, cols, n_tokens;
  } kCases[] = {{131072, 2048, 1}, {16384, 8192, 1},  {16384, 2048, 8},
                {8192, 2048, 64},  {8192, 2048, 512}, {2048, 8192, 512}};
  for (const auto& [rows, cols, n_tokens] : kCases) {
    if (level == IsaLevel::base && n_tokens > 64) continue;
    Product product(pool, level, type, rows, cols, n_tokens);
    const double seconds = median_seconds([&] { product.run(); });
    const double bandwidth = static_cast<double>(product.weight_bytes()) / seconds;
    const double macs = static_cast<double>(rows) * cols * n_tokens / seconds;
    fmt::print(
        "{:12} {:5} {:6} x {:4} {:4} tokens {:9.3f} ms {:7.2f} GB/s ({:3.0f} %) {:7.1f} GMAC/s ({:.1f} a thread)\n",
        isa_name(level), format_of(type).name, rows, cols, n_tokens, seconds * 1e3, bandwidth * 1e-9,
        100 * bandwidth / read_bandwidth, macs * 1e-9, macs * 1e-9 / pool.n_threads());
  }
}

int run(int argc, char** argv) {
  ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : default_thread_count());
  const std::string_view only_format = argc > 2 ? argv[2] : "", only_level = argc > 3 ? argv[3] : "";
  const double read_bandwidth = measure_read_bandwidth(pool);
  fmt::print("{}, {} threads, reads {:.2f} GB/s\n", describe_cpu().model_name, pool.n_threads(), read_bandwidth * 1e-9);
  for (const IsaLevel level : supported_isa_levels()) {
    if (!only_level.empty() && isa_name(level) != only_level) continue;
    for (const DType type : {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k, DType::f16, DType::bf16, DType::f32,
                             DType::q4_1, DType::q5_0}) {
      if (!only_format.empty() && format_of(type).name != only_format) continue;
      bench_format(pool, level, type, read_bandwidth);
    }
  }
  return 0;
}

}  // namespace
}  // namespace quandex::cpu

int main(int argc, char** argv) { return quandex::cpu::run(argc, argv); }
