#include "cli/roofs.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "base/error.h"
#include "base/huge_pages.h"
#include "base/thread_pool.h"
#include "cli/roof_kernels.h"

namespace quandex::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Anonymous memory of one page size, every page touched by the thread that will read it.
class PagedBuffer {
 public:
  PagedBuffer(size_t bytes, bool huge_pages) : mapped_bytes_(bytes + kHugePageBytes) {
    mapping_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) throw Error(ErrorCode::out_of_memory, "no {} bytes for measuring the bandwidth", bytes);
    const auto address = reinterpret_cast<uintptr_t>(mapping_);
    data_ = static_cast<std::byte*>(mapping_) + (kHugePageBytes - address % kHugePageBytes) % kHugePageBytes;
    advise_huge_pages(mapping_, mapped_bytes_, huge_pages);
  }
  ~PagedBuffer() { munmap(mapping_, mapped_bytes_); }
  PagedBuffer(const PagedBuffer&) = delete;
  PagedBuffer& operator=(const PagedBuffer&) = delete;

  std::byte* data() const { return data_; }

 private:
  size_t mapped_bytes_;
  void* mapping_;
  std::byte* data_;
};

// Bytes of this process that lie in transparent huge pages.
uint64_t huge_page_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string key; file >> key;) {
    uint64_t kibibytes = 0;
    if (key == "AnonHugePages:" && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

struct BandwidthMeasurement {
  double bytes_per_second = 0, huge_share = 0;
};

BandwidthMeasurement measure_bandwidth(ThreadPool& pool, size_t bytes, bool huge_pages, int n_repeats) {
  const size_t n_threads = static_cast<size_t>(pool.n_threads());
  const size_t part = bytes / n_threads / kReadGranule * kReadGranule;
  const uint64_t huge_before = huge_page_bytes();
  const PagedBuffer buffer(bytes, huge_pages);
  const auto part_of = [&](int worker) { return buffer.data() + static_cast<size_t>(worker) * part; };
  pool.run([&](int worker) { std::memset(part_of(worker), worker + 1, part); });
  BandwidthMeasurement best;
  best.huge_share =
      static_cast<double>(huge_page_bytes() - std::min(huge_before, huge_page_bytes())) / static_cast<double>(bytes);
  std::atomic<uint64_t> sink{0};
  const RoofKernels& kernels = roof_kernels().back();
  for (int repeat = 0; repeat < n_repeats; ++repeat) {
    for (const auto read : kernels.read) {
      const Clock::time_point start = Clock::now();
      pool.run([&](int worker) { sink += read(part_of(worker), part); });
      best.bytes_per_second =
          std::max(best.bytes_per_second, static_cast<double>(part * n_threads) / seconds_since(start));
    }
  }
  return best;
}

// Operations a second of one register loop on all threads: the best of many stretches of a few milliseconds, short
// enough that on a busy machine some are not interrupted.
template <typename Loop>
double measure_operations(ThreadPool& pool, Loop loop, int64_t operations_per_iteration) {
  constexpr double kStretchSeconds = 0.004;
  constexpr int kRepeats = 25;
  std::atomic<int64_t> sink{0};
  const auto time_loop = [&](int64_t n) {
    const Clock::time_point start = Clock::now();
    pool.run([&](int) { sink += static_cast<int64_t>(loop(n)); });
    return seconds_since(start);
  };
  int64_t n_iterations = 1000;
  while (time_loop(n_iterations) < kStretchSeconds / 2) n_iterations *= 2;
  double best = 0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double operations = static_cast<double>(n_iterations) * static_cast<double>(operations_per_iteration);
    best = std::max(best, operations * pool.n_threads() / time_loop(n_iterations));
  }
  return best;
}

}  // namespace

double Roofs::int8_operations() const {
  double best = 0;
  for (const ArithmeticRoof& roof : arithmetic) best = std::max(best, roof.int8_operations);
  return best;
}

double Roofs::f32_operations() const {
  double best = 0;
  for (const ArithmeticRoof& roof : arithmetic) best = std::max(best, roof.f32_operations);
  return best;
}

Roofs measure_roofs(int n_threads, RoofEffort effort) {
  constexpr uint64_t kFullBytes = uint64_t{1} << 30, kQuickBytes = uint64_t{384} << 20;
  ThreadPool pool(n_threads);
  Roofs roofs;
  roofs.n_threads = n_threads;
  const uint64_t granule = kReadGranule * static_cast<uint64_t>(n_threads);
  const uint64_t wanted =
      std::min(effort == RoofEffort::full ? kFullBytes : kQuickBytes, describe_memory().available_bytes / 4);
  roofs.buffer_bytes = std::max(granule, wanted / granule * granule);
  const bool full = effort == RoofEffort::full;
  const auto huge = measure_bandwidth(pool, roofs.buffer_bytes, true, full ? 5 : 1);
  roofs.huge_page_bandwidth = huge.bytes_per_second;
  roofs.huge_page_share = std::min(1.0, huge.huge_share);
  if (!full) return roofs;
  roofs.small_page_bandwidth = measure_bandwidth(pool, roofs.buffer_bytes, false, 5).bytes_per_second;
  for (const RoofKernels& kernels : roof_kernels())
    roofs.arithmetic.push_back({std::string(isa_name(kernels.isa)),
                                measure_operations(pool, kernels.int8_dot, kernels.int8_operations),
                                measure_operations(pool, kernels.f32_multiply_add, kernels.f32_operations)});
  return roofs;
}

Roofs better_of(const Roofs& a, const Roofs& b) {
  Roofs best = a;
  best.buffer_bytes = std::max(a.buffer_bytes, b.buffer_bytes);
  best.huge_page_bandwidth = std::max(a.huge_page_bandwidth, b.huge_page_bandwidth);
  best.small_page_bandwidth = std::max(a.small_page_bandwidth, b.small_page_bandwidth);
  best.huge_page_share = std::max(a.huge_page_share, b.huge_page_share);
  for (size_t i = 0; i < std::min(best.arithmetic.size(), b.arithmetic.size()); ++i) {
    best.arithmetic[i].int8_operations = std::max(a.arithmetic[i].int8_operations, b.arithmetic[i].int8_operations);
    best.arithmetic[i].f32_operations = std::max(a.arithmetic[i].f32_operations, b.arithmetic[i].f32_operations);
  }
  return best;
}

nlohmann::ordered_json roofs_to_json(const Roofs& roofs) {
  nlohmann::ordered_json json{{"threads", roofs.n_threads},
                              {"buffer_bytes", roofs.buffer_bytes},
                              {"huge_page_bytes_per_s", roofs.huge_page_bandwidth},
                              {"huge_page_share", roofs.huge_page_share},
                              {"small_page_bytes_per_s", roofs.small_page_bandwidth},
                              {"bytes_per_s", roofs.bandwidth()}};
  json["arithmetic"] = nlohmann::ordered_json::array();
  for (const ArithmeticRoof& roof : roofs.arithmetic)
    json["arithmetic"].push_back({{"isa", roof.isa},
                                  {"int8_operations_per_s", roof.int8_operations},
                                  {"f32_operations_per_s", roof.f32_operations}});
  return json;
}

Roofs roofs_from_json(const nlohmann::ordered_json& json) {
  Roofs roofs;
  json.at("threads").get_to(roofs.n_threads);
  json.at("buffer_bytes").get_to(roofs.buffer_bytes);
  json.at("huge_page_bytes_per_s").get_to(roofs.huge_page_bandwidth);
  json.at("huge_page_share").get_to(roofs.huge_page_share);
  json.at("small_page_bytes_per_s").get_to(roofs.small_page_bandwidth);
  for (const auto& entry : json.at("arithmetic"))
    roofs.arithmetic.push_back({entry.at("isa"), entry.at("int8_operations_per_s"), entry.at("f32_operations_per_s")});
  return roofs;
}

}  // namespace quandex::cli
