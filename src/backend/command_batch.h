// The one interface that every backend implements, whole: about a dozen coarse operations, recorded and then run in
// order. There is no graph and no fallback. All activations are f32; integers are i32. n is the step's row count.
#pragma once

#include <cstdint>

#include "backend/tensor.h"

namespace quandex {

struct Ticket {
  uint64_t id = 0;
};

// Sampling parameters of one row as the device reads them: i32 [n, kSampleColumns], reals as their bits.
// Columns: temperature (f32), top_k (0: off), top_p (f32), min_p (f32), seed low, seed high, output index, ids that may
// be sampled (those below it; 0: all).
inline constexpr int kSampleColumns = 8;

class CommandBatch {  // records work for one stream; nothing runs before submit()
 public:
  virtual ~CommandBatch() = default;

  // out[i] = scale * table[tokens[i]]; out [n, dim].
  virtual void embed(Tensor out, Tensor table, Tensor tokens, float scale) = 0;

  // out (or out +)= x / sqrt(mean(x²) + eps) * weight, per row. out may be x.
  virtual void rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into = Into::set) = 0;

  // out (or out +)= x Wᵀ + bias; x [n, in], out [n, w.rows()].
  virtual void linear(Tensor out, Tensor x, const Linear& w, Into into = Into::set) = 0;

  // Splits qkv [n, q | k | v], normalises each head of q and k where a norm is given (weight [1, head_dim]), rotates
  // both, writes q [n, n_heads * head_dim] and stores k and v at the tokens' slots.
  virtual void qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm,
                                  const RopeConfig& rope, HeadShape heads, float eps, int kv_group,
                                  const StepInputs& in) = 0;

  // Causal attention of every token over its own sequence's cached K/V; out and q [n, n_heads * head_dim].
  virtual void attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                         const StepInputs& in) = 0;

  // out[i] = activation(gate[i]) * up[i]; gate_up [n, gate | up], out [n, gate_up.cols / 2].
  virtual void glu(Tensor out, Tensor gate_up, Activation activation) = 0;

  // Chooses n_active experts per row by score (ties: lowest id): weights f32 and experts i32, both [n, n_active], best
  // first; logits [n, n_experts].
  virtual void route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) = 0;

  // Applies to each (row, choice) the chosen expert: x [n, in] (shared by a row's choices) or [n * n_active, in];
  // out [n * n_active, w.rows()].
  virtual void expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) = 0;

  // out[i] (or out[i] +)= sum over c of weights[i, c] * branches[i * n_active + c], in the order of the choice.
  virtual void expert_sum(Tensor out, Tensor branches, Tensor weights, Into into = Into::set) = 0;

  // out[i] = x[rows[i]].
  virtual void gather_rows(Tensor out, Tensor x, Tensor rows) = 0;

  // x = cap * tanh(x / cap), element by element.
  virtual void softcap(Tensor x, float cap) = 0;

  // ids i32 [n, 1] = the sampled id of each row of logits, -1 where a row holds NaN or +infinity (or nothing finite).
  // Parameters as above; see backend/sample_row.h for the definition.
  virtual void sample(Tensor ids, Tensor logits, Tensor parameters) = 0;

  // Starts everything recorded since begin().
  virtual Ticket submit() = 0;
};

}  // namespace quandex
