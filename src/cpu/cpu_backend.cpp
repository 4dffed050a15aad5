// The CPU as a Backend: memory, weights in the layout of the matrix kernels, one batch that is reused.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "base/check.h"
#include "base/error.h"
#include "cpu/cpu_batch.h"
#include "cpu/cpu_buffer.h"
#include "cpu/host_memory.h"
#include "cpu/in_place.h"
#include "cpu/linear.h"
#include "cpu/ops_select.h"

namespace quandex {
namespace cpu {
namespace {

std::string supported_names() {
  std::string names;
  for (const IsaLevel level : supported_isa_levels()) {
    if (!names.empty()) names += ", ";
    names += isa_name(level);
  }
  return names;
}

IsaLevel choose_isa(const CpuOptions& options) {
  const std::span<const IsaLevel> supported = supported_isa_levels();
  std::optional<IsaLevel> wanted = options.isa;
  if (!wanted) {
    const char* name = std::getenv("QUANDEX_ISA");
    if (name == nullptr || *name == '\0') return supported.back();
    wanted = isa_from_name(name);
    if (!wanted)
      throw Error(ErrorCode::invalid_argument, "QUANDEX_ISA: unknown level \"{}\"; this machine supports {}", name,
                  supported_names());
  }
  if (std::find(supported.begin(), supported.end(), *wanted) == supported.end())
    throw Error(ErrorCode::unsupported, "cpu backend: this machine does not support {}; it supports {}",
                isa_name(*wanted), supported_names());
  return *wanted;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(ThreadPool& pool, const CpuOptions& options)
      : pool_(pool),
        isa_(choose_isa(options)),
        exact_activations_(options.exact_activations),
        batch_(pool, ops_kernels(isa_), linear_kernels(isa_)) {
    info_.name = fmt::format("cpu ({}, {}, {} {})", describe_cpu().model_name, isa_name(isa_), pool.n_threads(),
                             pool.n_threads() == 1 ? "thread" : "threads");
    info_.memory_bytes = static_cast<size_t>(describe_memory().total_bytes);
  }

  const DeviceInfo& info() const override { return info_; }

  Tensor allocate(DType type, int rows, int cols) override {
    CHECK(rows >= 0 && cols >= 0);
    auto buffer = std::make_unique<CpuBuffer>();
    take(*buffer, static_cast<size_t>(rows) * row_bytes(type, cols), "cpu backend");
    return keep(std::move(buffer), type, rows, cols);
  }

  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> segments) override {
    const WeightMatrix shape = shape_of(name, type, segments);
    auto buffer = std::make_unique<CpuBuffer>();
    buffer->is_weight = true;
    buffer->packed = shape.packed;
    if (!shape.packed && can_stay_in_place(segments)) {
      place(*buffer, segments);
    } else {
      take(*buffer, stored_bytes(shape), name);
      store(shape, segments, buffer->memory);
    }
    return keep(std::move(buffer), type, shape.rows, shape.cols);
  }

  size_t upload_bytes(DType type, std::span<const RowSegment> segments) const override {
    int64_t rows = 0;
    for (const RowSegment& segment : segments) rows += segment.n_rows;
    const auto cols = static_cast<int>(segments.front().source->cols());
    const WeightMatrix shape{type, is_packed(type, exact_activations_), static_cast<int>(rows), cols, nullptr};
    return !shape.packed && can_stay_in_place(segments) ? 0 : stored_bytes(shape);
  }

  std::span<std::byte> host_view(Tensor tensor) override {
    return {write_bytes(tensor), static_cast<size_t>(tensor.rows) * row_bytes(tensor.type, tensor.cols)};
  }

  bool aliases_host(Tensor tensor) const override {
    const CpuBuffer& buffer = buffer_of(tensor);
    return buffer.is_weight && buffer.memory == nullptr;
  }

  CommandBatch& begin() override {
    batch_.clear();
    return batch_;
  }
  void wait(Ticket) override {}  // submit returns when the step is done
  size_t allocated_bytes() const override { return allocated_bytes_; }

 private:
  WeightMatrix shape_of(std::string_view name, DType type, std::span<const RowSegment> segments) const {
    CHECK(!segments.empty());
    const int64_t cols = segments.front().source->cols();
    int64_t rows = 0;
    for (const RowSegment& segment : segments) {
      CHECK(segment.source->type == type && segment.source->cols() == cols);
      const int64_t end_row = segment.first_row + segment.n_rows;
      if (!holds_rows(*segment.source, end_row))
        throw Error(ErrorCode::invalid_argument, "{}: {} bytes of data, expected at least {}", name,
                    segment.source->size_bytes(), static_cast<size_t>(end_row) * row_bytes(type, cols));
      rows += segment.n_rows;
    }
    constexpr int64_t kMax = std::numeric_limits<int>::max();
    if (rows > kMax || cols > kMax)
      throw Error(ErrorCode::unsupported, "{}: {} x {} is more than a matrix can have", name, rows, cols);
    return {type, is_packed(type, exact_activations_), static_cast<int>(rows), static_cast<int>(cols), nullptr};
  }

  static void place(CpuBuffer& buffer, std::span<const RowSegment> segments) {
    if (follow_each_other(segments)) {
      buffer.bytes = start_of(segments.front());
      return;
    }
    for (const RowSegment& segment : segments) buffer.pieces.push_back(start_of(segment));
    buffer.piece_rows = static_cast<int>(segments.front().n_rows);
  }

  // Fills the storage on all workers, some groups at a time.
  void store(const WeightMatrix& shape, std::span<const RowSegment> segments, std::byte* destination) {
    constexpr int kGroupsAtOnce = 16;
    const int n_groups = n_row_groups(shape.rows);
    std::atomic<int> next{0};
    pool_.run([&](int) {
      for (int first = next.fetch_add(kGroupsAtOnce); first < n_groups; first = next.fetch_add(kGroupsAtOnce))
        store_groups(shape, segments, first, std::min(first + kGroupsAtOnce, n_groups), destination);
    });
  }

  void take(CpuBuffer& buffer, size_t size_bytes, std::string_view what) {
    buffer.bytes = buffer.memory = arena_.take(size_bytes, what);
    allocated_bytes_ += size_bytes;
  }

  Tensor keep(std::unique_ptr<CpuBuffer> buffer, DType type, int rows, int cols) {
    buffers_.push_back(std::move(buffer));
    return {type, rows, cols, buffers_.back().get(), 0};
  }

  ThreadPool& pool_;
  const IsaLevel isa_;
  const bool exact_activations_;
  DeviceInfo info_;
  HostArena arena_;
  std::vector<std::unique_ptr<CpuBuffer>> buffers_;
  size_t allocated_bytes_ = 0;
  CpuBatch batch_;
};

}  // namespace
}  // namespace cpu

std::unique_ptr<Backend> make_cpu_backend(ThreadPool& pool, const CpuOptions& options) {
  return std::make_unique<cpu::CpuBackend>(pool, options);
}

}  // namespace quandex
