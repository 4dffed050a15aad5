// Records a step's operations and runs them on the pool: every worker walks the same list, takes its share of each
// operation and meets the others before the next. Recording and running allocate only while a step is the largest yet.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "backend/command_batch.h"
#include "base/thread_pool.h"
#include "cpu/host_memory.h"
#include "cpu/operations.h"

namespace quandex::cpu {

class CpuBatch final : public CommandBatch {
 public:
  CpuBatch(ThreadPool& pool, const OpsKernels& ops, const LinearKernels& linear);

  void clear();

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
  Ticket submit() override;

 private:
  int rope_table_for(const RopeConfig& rope, const StepInputs& in);
  int attention_plan_for(const KvLayer& kv, const AttentionConfig& config, int kv_group, const StepInputs& in);
  ScratchSize scratch_of(const Operation& operation) const;
  void make_room();
  void run_on(int worker);

  ThreadPool& pool_;
  const OpsKernels& ops_;
  const LinearKernels& linear_;
  std::vector<Operation> operations_;
  Tensor last_ids_;  // of the last sample recorded, in this step or an earlier one
  std::vector<RopeTable> rope_tables_;
  std::vector<AttentionPlan> attention_plans_;  // the first n_plans_ belong to this step, the others keep their memory
  size_t n_plans_ = 0;
  std::unique_ptr<std::atomic<int>[]> counters_;  // kCountersPerOperation for each operation
  size_t n_counters_ = 0;
  HostMemory rope_memory_, scratch_;
  size_t shared_bytes_ = 0, local_bytes_ = 0;
  std::vector<SampleScratch> sample_scratch_;  // one a worker
  uint64_t n_submitted_ = 0;
};

}  // namespace quandex::cpu
