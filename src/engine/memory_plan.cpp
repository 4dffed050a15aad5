#include "engine/memory_plan.h"

#include <algorithm>

#include "base/error.h"
#include "engine/kv_cache.h"
#include "engine/step.h"
#include "model/load.h"
#include "model/scratch.h"

namespace quandex {
namespace {

// Counts what loading would take of `target`, which is only asked.
class Planner final : public Backend {
 public:
  explicit Planner(const Backend& target) : target_(target) {}

  const DeviceInfo& info() const override { return target_.info(); }
  Tensor allocate(DType type, int rows, int cols) override {
    planned_bytes_ += static_cast<size_t>(rows) * row_bytes(type, cols);
    return shapes_.allocate(type, rows, cols);
  }
  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override {
    const size_t taken_bytes = upload_bytes(type, rows);
    planned_bytes_ += taken_bytes;
    if (taken_bytes == 0)
      for (const RowSegment& segment : rows)
        mapped_bytes_ += static_cast<uint64_t>(segment.n_rows) * row_bytes(type, segment.source->cols());
    return shapes_.upload(name, type, rows);
  }
  size_t upload_bytes(DType type, std::span<const RowSegment> rows) const override {
    return target_.upload_bytes(type, rows);
  }
  std::span<std::byte> host_view(Tensor) override { return {}; }
  bool aliases_host(Tensor) const override { return false; }
  CommandBatch& begin() override { return shapes_.begin(); }
  void wait(Ticket) override {}
  size_t allocated_bytes() const override { return planned_bytes_; }
  uint64_t mapped_bytes() const { return mapped_bytes_; }

 private:
  const Backend& target_;
  ShapeCheck shapes_;
  size_t planned_bytes_ = 0;
  uint64_t mapped_bytes_ = 0;
};

// The greatest number from 1 to `most` that fits; 0 for none. Whatever is less than what fits fits too.
template <typename Fits>
int greatest(int most, Fits fits) {
  int best = 0;
  while (best < most) {
    const int middle = best + (most - best + 1) / 2;
    if (fits(middle))
      best = middle;
    else
      most = middle - 1;
  }
  return best;
}

std::optional<int> some(int n) { return n > 0 ? std::optional<int>(n) : std::nullopt; }

}  // namespace

class MemoryPlanner::Shapes {
 public:
  Shapes(const ModelConfig& config, const WeightSource& weights, const Backend& backend)
      : planner_(backend), model_(load_shapes(config, weights, planner_)) {}

  const Model& model() const { return model_; }
  uint64_t weight_bytes() const { return planner_.allocated_bytes(); }
  uint64_t mapped_bytes() const { return planner_.mapped_bytes(); }

 private:
  Planner planner_;
  Model model_;
};

MemoryPlanner::MemoryPlanner(const ModelConfig& config, const WeightSource& weights, const Backend& backend)
    : config_(config), backend_(backend), shapes_(std::make_unique<Shapes>(config, weights, backend)) {}
MemoryPlanner::~MemoryPlanner() = default;

MemoryPlan MemoryPlanner::plan(const EngineOptions& wanted) const {
  const EngineOptions options = resolve_options(wanted, config_);
  MemoryPlan plan;
  plan.weight_bytes = shapes_->weight_bytes();
  plan.mapped_bytes = shapes_->mapped_bytes();
  Planner scratch(backend_);
  allocate_scratch(shapes_->model(), step_limits(options), scratch);
  plan.scratch_bytes = scratch.allocated_bytes();
  plan.kv_bytes = KvCache::size_bytes(config_, options);
  plan.step_bytes = StepRing::size_bytes(step_shape(config_, options));
  return plan;
}

std::optional<int> MemoryPlanner::largest_context(EngineOptions options, uint64_t available_bytes) const {
  options.n_kv_blocks = 0;
  options.n_ctx = 1;
  resolve_options(options, config_);  // refuses what no context makes possible
  const int most_blocks = kMostKvBlocks / options.max_sequences;
  const int most = std::min(most_context(config_), most_blocks * kBlockSize);
  return some(greatest(most, [&](int n_ctx) {
    options.n_ctx = n_ctx;
    return plan(options).wanted_bytes() <= available_bytes;
  }));
}

std::optional<int> MemoryPlanner::largest_single_context(EngineOptions options, uint64_t available_bytes) const {
  const auto plan_of = [&](int n_ctx) {
    options.n_ctx = n_ctx;
    options.n_kv_blocks = blocks_of(n_ctx);
    return plan(options);
  };
  const int most = most_context(config_);
  int found = greatest(most, [&](int n_ctx) { return plan_of(n_ctx).wanted_bytes() <= available_bytes; });
  if (found == 0) found = greatest(most, [&](int n_ctx) { return plan_of(n_ctx).total_bytes() <= available_bytes; });
  return some(found);
}

std::optional<int> MemoryPlanner::most_sequences(EngineOptions options, uint64_t available_bytes) const {
  options.n_kv_blocks = 0;
  options.max_sequences = 1;
  options.n_ctx = resolve_options(options, config_).n_ctx;
  const int least_budget = options.token_budget;
  const int most = std::min(kMostSequences, kMostKvBlocks / blocks_of(options.n_ctx));
  return some(greatest(most, [&](int n) {
    options.max_sequences = n;
    options.token_budget = std::max(least_budget, n);
    return plan(options).wanted_bytes() <= available_bytes;
  }));
}

int MemoryPlanner::most_kv_blocks(EngineOptions options, uint64_t available_bytes) const {
  options.n_kv_blocks = 0;
  options = resolve_options(options, config_);
  const int least = blocks_of(options.n_ctx);
  const int found = greatest(options.n_kv_blocks, [&](int n_blocks) {
    EngineOptions tried = options;
    tried.n_kv_blocks = n_blocks;
    return plan(tried).wanted_bytes() <= available_bytes;
  });
  if (found >= least) return found;
  options.n_kv_blocks = least;
  const MemoryPlan one = plan(options);
  if (one.total_bytes() <= available_bytes) return least;
  throw Error(
      ErrorCode::out_of_memory,
      "one context of {} tokens takes {} bytes ({} of weights, {} of K/V, {} of scratch and step inputs), and {} "
      "are available",
      options.n_ctx, one.total_bytes(), one.weight_bytes, one.kv_bytes, one.scratch_bytes + one.step_bytes,
      available_bytes);
}

MemoryPlan plan_memory(const ModelConfig& config, const WeightSource& weights, const EngineOptions& options,
                       const Backend& backend) {
  return MemoryPlanner(config, weights, backend).plan(options);
}

int most_kv_blocks(const ModelConfig& config, const WeightSource& weights, const EngineOptions& options,
                   const Backend& backend, uint64_t available_bytes) {
  return MemoryPlanner(config, weights, backend).most_kv_blocks(options, available_bytes);
}

}  // namespace quandex
