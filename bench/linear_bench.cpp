// Speed of the matrix kernels for each level, format and number of tokens: GB/s of weights, with their share of the
// read bandwidth measured in the same run, and GMAC/s, which are related to nothing: no arithmetic roof is measured
// here.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
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

constexpr DType kTypes[] = {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k, DType::f16,
                            DType::bf16, DType::f32,  DType::q4_1, DType::q5_0};
constexpr int kMaxThreads = 1024;

struct Options {
  int n_threads = default_thread_count();
  std::optional<DType> type;      // all of kTypes
  std::optional<IsaLevel> level;  // all that this machine supports
};

void print_usage(FILE* out) {
  fmt::print(out,
             "usage: linear_bench [THREADS [FORMAT [LEVEL]]]\n  THREADS  1 to {}, here {} if absent\n  FORMAT   all or",
             kMaxThreads, default_thread_count());
  for (const DType type : kTypes) fmt::print(out, " {}", format_of(type).name);
  fmt::print(out, "\n  LEVEL    all or");
  for (const IsaLevel level : supported_isa_levels()) fmt::print(out, " {}", isa_name(level));
  fmt::print(out, "\n");
}

std::optional<int> parse_threads(std::string_view text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 1 || n > kMaxThreads) return std::nullopt;
  return n;
}

// False after saying what is wrong.
bool parse_options(std::span<char* const> arguments, Options& options) {
  const auto refuse = [](std::string_view what, std::string_view found) {
    fmt::print(stderr, "linear_bench: {}: '{}'\n", what, found);
    print_usage(stderr);
    return false;
  };
  if (arguments.size() > 3) return refuse("more arguments than three", arguments[3]);
  if (!arguments.empty()) {
    const std::optional<int> n_threads = parse_threads(arguments[0]);
    if (!n_threads) return refuse("not a number of threads", arguments[0]);
    options.n_threads = *n_threads;
  }
  if (arguments.size() > 1 && std::string_view(arguments[1]) != "all") {
    options.type = dtype_from_name(arguments[1]);
    if (!options.type || std::ranges::find(kTypes, *options.type) == std::end(kTypes))
      return refuse("not a format of this benchmark", arguments[1]);
  }
  if (arguments.size() > 2 && std::string_view(arguments[2]) != "all") {
    options.level = isa_from_name(arguments[2]);
    const auto levels = supported_isa_levels();
    if (!options.level || std::ranges::find(levels, *options.level) == levels.end())
      return refuse("not a level of this machine", arguments[2]);
  }
  return true;
}

void run(const Options& options) {
  ThreadPool pool(options.n_threads);
  const double read_bandwidth = measure_read_bandwidth(pool);
  fmt::print("{}, {} threads, reads {:.2f} GB/s\n", describe_cpu().model_name, pool.n_threads(), read_bandwidth * 1e-9);
  for (const IsaLevel level : supported_isa_levels()) {
    if (options.level && level != *options.level) continue;
    for (const DType type : kTypes)
      if (!options.type || type == *options.type) bench_format(pool, level, type, read_bandwidth);
  }
}

int run_command_line(std::span<char* const> arguments) {
  for (const std::string_view argument : arguments)
    if (argument == "--help" || argument == "-h") {
      print_usage(stdout);
      return 0;
    }
  Options options;
  if (!parse_options(arguments, options)) return 2;
  run(options);
  return 0;
}

}  // namespace
}  // namespace quandex::cpu

int main(int argc, char** argv) {
  return quandex::cpu::run_command_line(std::span(argv, static_cast<size_t>(argc)).subspan(1));
}
