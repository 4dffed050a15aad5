// A backend that runs nothing and counts what a step would read, write and compute: for the roofline and the planner.
// Definitions: weights are read once a step, K/V of a sequence once a step and layer, activations once per operation
// that reads or writes them; a multiplication and an addition count as one operation each.
#pragma once

#include <memory>
#include <vector>

#include "backend/backend.h"

namespace quandex {

struct CostTotals {
  double weight_bytes = 0, kv_bytes = 0, activation_bytes = 0, flops = 0;
};

class CostModel final : public Backend, private CommandBatch {
 public:
  // Every sequence of the step has `length` positions once the step is done.
  explicit CostModel(int length) : length_(length) {}

  const CostTotals& totals() const { return totals_; }

  const DeviceInfo& info() const override { return info_; }
  Tensor allocate(DType type, int rows, int cols) override;
  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override;
  size_t upload_bytes(DType, std::span<const RowSegment>) const override { return 0; }
  std::span<std::byte> host_view(Tensor) override { return {}; }
  bool aliases_host(Tensor) const override { return false; }
  CommandBatch& begin() override { return *this; }
  void wait(Ticket) override {}
  size_t allocated_bytes() const override { return 0; }

 private:
  void embed(Tensor out, Tensor table, Tensor tokens, float scale) override;
  void rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into) override;
  void linear(Tensor out, Tensor x, const Linear& w, Into into) override;
  void qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm, const RopeConfig& rope,
                          HeadShape heads, float eps, int kv_group, const StepInputs& in) override;
  void attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                 const StepInputs& in) override;
  void glu(Tensor out, Tensor gate_up, Activation activation) override;
  void route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) override;
  void expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) override;
  void expert_sum(Tensor out, Tensor branches, Tensor weights, Into into) override;
  void gather_rows(Tensor out, Tensor x, Tensor rows) override;
  void softcap(Tensor x, float cap) override;
  void sample(Tensor ids, Tensor logits, Tensor parameters) override;
  Ticket submit() override { return {}; }

  void touch(Tensor t);

  DeviceInfo info_{"cost model", 0, true};
  std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();
  int length_;
  CostTotals totals_;
};

}  // namespace quandex
