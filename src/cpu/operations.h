// The recorded operations as data, and the functions that run one worker's part of each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>

#include "backend/command_batch.h"
#include "backend/sample_row.h"
#include "base/thread_pool.h"
#include "cpu/attention_plan.h"
#include "cpu/host_memory.h"
#include "cpu/linear.h"
#include "cpu/ops_kernels.h"
#include "cpu/rope_table.h"

namespace quandex::cpu {

struct EmbedOp {
  Tensor out, table, tokens, previous_ids;  // previous_ids: of the last sample recorded before this op, or absent
  float scale;
};
struct RmsNormOp {
  Tensor out, x, weight;
  float eps;
  Into into;
};
struct LinearOp {
  Tensor out, x;
  Linear weights;
  Into into;
};
struct StoreOp {  // qk_norm_rope_store
  Tensor q, qkv, q_norm, k_norm, slots;
  KvLayer kv;
  HeadShape heads;
  float eps;
  int rope_dims, rope_table;  // index of the step's table; none where rope_dims is 0
};
struct AttentionOp {
  Tensor out, q, block_tables, positions;
  KvLayer kv;
  AttentionConfig config;
  int plan;  // index of the step's plan
};
struct GluOp {
  Tensor out, gate_up;
  Activation activation;
};
struct RouteOp {
  Tensor weights, experts, logits;
  RouteConfig config;
};
struct ExpertLinearOp {
  Tensor out, x, experts;
  ExpertLinear weights;
};
struct ExpertSumOp {
  Tensor out, branches, weights;
  Into into;
};
struct GatherRowsOp {
  Tensor out, x, rows;
};
struct SoftcapOp {
  Tensor x;
  float cap;
};
struct SampleOp {
  Tensor ids, logits, parameters;
};
using Operation = std::variant<EmbedOp, RmsNormOp, LinearOp, StoreOp, AttentionOp, GluOp, RouteOp, ExpertLinearOp,
                               ExpertSumOp, GatherRowsOp, SoftcapOp, SampleOp>;

// Bytes that an operation needs beside its tensors: shared by all workers, and for each worker.
struct ScratchSize {
  size_t shared = 0, local = 0;
};

// What one worker sees while it runs its part of an operation. Workers may meet at pool.barrier() inside an operation,
// all of them the same number of times; the caller puts one between operations.
struct Worker {
  ThreadPool& pool;
  const OpsKernels& ops;
  const LinearKernels& linear;
  int index, count;
  std::byte* shared;           // ScratchSize::shared bytes, at kMemoryAlignment
  std::byte* local;            // ScratchSize::local bytes, at kMemoryAlignment
  std::atomic<int>* counters;  // kCountersPerOperation of them, zero when the operation starts
  std::span<const RopeTable> rope_tables;
  std::span<const AttentionPlan> attention_plans;
  SampleScratch& sample_scratch;  // this worker's own
};
inline constexpr int kCountersPerOperation = 2;

struct Share {
  int64_t begin, end;
};
// This worker's part of n units; all units are given out, in order.
inline Share share_of(const Worker& worker, int64_t n) {
  return {n * worker.index / worker.count, n * (worker.index + 1) / worker.count};
}

inline size_t aligned(size_t bytes) { return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment; }

// Hands out consecutive pieces of a scratch area; sizing and use go through the same calls.
class Arena {
 public:
  explicit Arena(std::byte* start) : start_(start) {}
  template <typename T>
  T* take(size_t n) {
    T* const piece = start_ == nullptr ? nullptr : reinterpret_cast<T*>(start_ + used_);
    used_ += aligned(n * sizeof(T));
    return piece;
  }
  size_t used() const { return used_; }

 private:
  std::byte* start_;
  size_t used_ = 0;
};

void run(const EmbedOp& op, const Worker& worker);
void run(const RmsNormOp& op, const Worker& worker);
void run(const LinearOp& op, const Worker& worker);
void run(const StoreOp& op, const Worker& worker);
void run(const AttentionOp& op, const Worker& worker);
void run(const GluOp& op, const Worker& worker);
void run(const RouteOp& op, const Worker& worker);
void run(const ExpertLinearOp& op, const Worker& worker);
void run(const ExpertSumOp& op, const Worker& worker);
void run(const GatherRowsOp& op, const Worker& worker);
void run(const SoftcapOp& op, const Worker& worker);
void run(const SampleOp& op, const Worker& worker);

ScratchSize scratch_size(const LinearOp& op, const LinearKernels& kernels);
ScratchSize scratch_size(const StoreOp& op);
ScratchSize scratch_size(const AttentionOp& op, const AttentionPlan& plan);
ScratchSize scratch_size(const RouteOp& op);
ScratchSize scratch_size(const ExpertLinearOp& op, const LinearKernels& kernels);

}  // namespace quandex::cpu
