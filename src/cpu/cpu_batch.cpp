#include "cpu/cpu_batch.h"

#include <algorithm>

#include "base/check.h"

namespace quandex::cpu {
namespace {

// Keys are read a vector of positions at a time.
constexpr int kBlockUnit = 16;

void check_cache(const KvLayer& kv, HeadShape heads) {
  CHECK(kv.block_size > 0 && kv.block_size % kBlockUnit == 0);
  CHECK(kv.keys.type == kv.values.type && holds_kv(kv.keys.type, heads.head_dim));
  CHECK(kv.keys.cols == heads.kv_cols() && kv.values.cols == heads.kv_cols());
}

}  // namespace

CpuBatch::CpuBatch(ThreadPool& pool, const OpsKernels& ops, const LinearKernels& linear)
    : pool_(pool), ops_(ops), linear_(linear), sample_scratch_(static_cast<size_t>(pool.n_threads())) {}

void CpuBatch::clear() {
  operations_.clear();
  rope_tables_.clear();
  n_plans_ = 0;
}

void CpuBatch::embed(Tensor out, Tensor table, Tensor tokens, float scale) {
  CHECK(out.cols == table.cols && tokens.rows >= out.rows);
  operations_.emplace_back(EmbedOp{out, table, tokens, last_ids_, scale});
}

void CpuBatch::rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into) {
  CHECK(out.cols == x.cols && out.rows >= x.rows && weight.rows * weight.cols == x.cols);
  operations_.emplace_back(RmsNormOp{out, x, weight, eps, into});
}

void CpuBatch::linear(Tensor out, Tensor x, const Linear& w, Into into) {
  CHECK(x.cols == w.cols() && out.cols == w.rows() && out.rows >= x.rows);
  operations_.emplace_back(LinearOp{out, x, w, into});
}

int CpuBatch::rope_table_for(const RopeConfig& rope, const StepInputs& in) {
  const RopeTable wanted{rope, in.positions, in.sequence_starts, in.rope_variants, in.n_tokens, in.n_sequences};
  for (size_t i = 0; i < rope_tables_.size(); ++i)
    if (is_same_rotation(rope_tables_[i], wanted)) return static_cast<int>(i);
  rope_tables_.push_back(wanted);
  return static_cast<int>(rope_tables_.size()) - 1;
}

void CpuBatch::qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm,
                                  const RopeConfig& rope, HeadShape heads, float eps, int kv_group,
                                  const StepInputs& in) {
  check_cache(kv, heads);
  CHECK(qkv.cols == heads.qkv_cols() && q.cols == heads.q_cols() && rope.dims <= heads.head_dim && rope.dims % 2 == 0);
  const Tensor slots = in.kv[static_cast<size_t>(kv_group)].slots;
  const int table = rope.dims > 0 ? rope_table_for(rope, in) : 0;
  operations_.emplace_back(
      StoreOp{q, first_rows(qkv, in.n_tokens), q_norm, k_norm, slots, kv, heads, eps, rope.dims, table});
}

int CpuBatch::attention_plan_for(const KvLayer& kv, const AttentionConfig& config, int kv_group, const StepInputs& in) {
  if (n_plans_ == attention_plans_.size()) attention_plans_.emplace_back();
  AttentionPlan& wanted = attention_plans_[n_plans_];
  wanted.heads = config.heads;
  wanted.window = config.window;
  wanted.block_size = kv.block_size;
  wanted.n_tokens = in.n_tokens;
  wanted.n_sequences = in.n_sequences;
  wanted.max_positions = in.kv[static_cast<size_t>(kv_group)].block_tables.cols * kv.block_size;
  wanted.sequence_starts = in.sequence_starts;
  wanted.positions = in.positions;
  for (size_t i = 0; i < n_plans_; ++i)
    if (is_same_plan(attention_plans_[i], wanted)) return static_cast<int>(i);
  return static_cast<int>(n_plans_++);
}

void CpuBatch::attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                         const StepInputs& in) {
  check_cache(kv, config.heads);
  CHECK(out.cols == config.heads.q_cols() && q.cols == config.heads.q_cols());
  CHECK(config.heads.n_heads % config.heads.n_kv_heads == 0);
  const Tensor tables = in.kv[static_cast<size_t>(kv_group)].block_tables;
  operations_.emplace_back(
      AttentionOp{out, q, tables, in.positions, kv, config, attention_plan_for(kv, config, kv_group, in)});
}

void CpuBatch::glu(Tensor out, Tensor gate_up, Activation activation) {
  CHECK(gate_up.cols == 2 * out.cols && gate_up.rows >= out.rows);
  operations_.emplace_back(GluOp{out, gate_up, activation});
}

void CpuBatch::route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) {
  CHECK(logits.cols == config.n_experts && config.n_active <= config.n_experts);
  CHECK(weights.cols == config.n_active && experts.cols == config.n_active);
  operations_.emplace_back(RouteOp{weights, experts, logits, config});
}

void CpuBatch::expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) {
  CHECK(x.cols == w.cols() && out.cols == w.rows() && out.rows == experts.rows * experts.cols);
  CHECK(x.rows == out.rows || x.rows == experts.rows);
  operations_.emplace_back(ExpertLinearOp{out, x, experts, w});
}

void CpuBatch::expert_sum(Tensor out, Tensor branches, Tensor weights, Into into) {
  CHECK(branches.cols == out.cols && branches.rows == out.rows * weights.cols);
  operations_.emplace_back(ExpertSumOp{out, branches, weights, into});
}

void CpuBatch::gather_rows(Tensor out, Tensor x, Tensor rows) {
  CHECK(out.cols == x.cols && rows.rows >= out.rows);
  operations_.emplace_back(GatherRowsOp{out, x, rows});
}

void CpuBatch::softcap(Tensor x, float cap) { operations_.emplace_back(SoftcapOp{x, cap}); }

void CpuBatch::sample(Tensor ids, Tensor logits, Tensor parameters) {
  CHECK(ids.rows >= logits.rows && parameters.rows >= logits.rows && parameters.cols == kSampleColumns);
  operations_.emplace_back(SampleOp{ids, logits, parameters});
  last_ids_ = ids;
}

ScratchSize CpuBatch::scratch_of(const Operation& operation) const {
  if (const auto* linear = std::get_if<LinearOp>(&operation)) return scratch_size(*linear, linear_);
  if (const auto* experts = std::get_if<ExpertLinearOp>(&operation)) return scratch_size(*experts, linear_);
  if (const auto* store = std::get_if<StoreOp>(&operation)) return scratch_size(*store);
  if (const auto* route = std::get_if<RouteOp>(&operation)) return scratch_size(*route);
  if (const auto* attention = std::get_if<AttentionOp>(&operation))
    return scratch_size(*attention, attention_plans_[static_cast<size_t>(attention->plan)]);
  return {};
}

// Makes the step's plans and tables and sees to it that memory suffices.
void CpuBatch::make_room() {
  for (size_t i = 0; i < n_plans_; ++i) make_attention_plan(attention_plans_[i], pool_.n_threads());

  size_t table_floats = 0;
  for (const RopeTable& table : rope_tables_)
    table_floats += static_cast<size_t>(table.n_tokens) * static_cast<size_t>(table.rope.dims);
  if (table_floats * sizeof(float) > rope_memory_.size())
    rope_memory_ = HostMemory(table_floats * sizeof(float), "cpu rope tables");
  auto* values = reinterpret_cast<float*>(rope_memory_.data());
  for (RopeTable& table : rope_tables_) {
    table.values = values;
    values += static_cast<ptrdiff_t>(table.n_tokens) * table.rope.dims;
  }

  for (const Operation& operation : operations_) {
    const ScratchSize size = scratch_of(operation);
    shared_bytes_ = std::max(shared_bytes_, aligned(size.shared));
    local_bytes_ = std::max(local_bytes_, aligned(size.local));
  }
  const size_t total = shared_bytes_ + local_bytes_ * static_cast<size_t>(pool_.n_threads());
  if (total > scratch_.size()) scratch_ = HostMemory(total, "cpu scratch");

  const size_t n_counters = operations_.size() * kCountersPerOperation;
  if (n_counters > n_counters_) {
    counters_ = std::make_unique<std::atomic<int>[]>(n_counters);
    n_counters_ = n_counters;
  }
  for (size_t i = 0; i < n_counters; ++i) counters_[i].store(0, std::memory_order_relaxed);
}

void CpuBatch::run_on(int index) {
  const auto count = pool_.n_threads();
  for (const RopeTable& table : rope_tables_)
    fill_rope_table(table, static_cast<int>(int64_t{table.n_tokens} * index / count),
                    static_cast<int>(int64_t{table.n_tokens} * (index + 1) / count));
  if (!rope_tables_.empty()) pool_.barrier();

  std::byte* local = scratch_.data() + shared_bytes_ + local_bytes_ * static_cast<size_t>(index);
  std::atomic<int>* counters = counters_.get();
  for (const Operation& operation : operations_) {
    const Worker worker{pool_,
                        ops_,
                        linear_,
                        index,
                        count,
                        scratch_.data(),
                        local,
                        counters,
                        rope_tables_,
                        {attention_plans_.data(), n_plans_},
                        sample_scratch_[static_cast<size_t>(index)]};
    std::visit([&](const auto& op) { run(op, worker); }, operation);
    if (&operation != &operations_.back()) pool_.barrier();
    counters += kCountersPerOperation;
  }
}

Ticket CpuBatch::submit() {
  make_room();
  pool_.run([this](int worker) { run_on(worker); });
  clear();
  return {++n_submitted_};
}

}  // namespace quandex::cpu
