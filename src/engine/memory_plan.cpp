#include "engine/memory_plan.h"

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
    planned_bytes_ += upload_bytes(type, rows);
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

 private:
  const Backend& target_;
  ShapeCheck shapes_;
  size_t planned_bytes_ = 0;
};

}  // namespace

MemoryPlan plan_memory(const ModelConfig& config, const WeightSource& weights, const EngineOptions& wanted,
                       const Backend& backend) {
  const EngineOptions options = resolve_options(wanted, config);
  MemoryPlan plan;
  Planner planner(backend);
  const Model model = load_shapes(config, weights, planner);
  plan.weight_bytes = planner.allocated_bytes();
  allocate_scratch(model, step_limits(options), planner);
  plan.scratch_bytes = planner.allocated_bytes() - plan.weight_bytes;
  plan.kv_bytes = KvCache::size_bytes(config, options);
  plan.step_bytes = StepRing::size_bytes(step_shape(config, options));
  return plan;
}

}  // namespace quandex
