#include "model/forward.h"

namespace quandex {
namespace {

// The step's part of the scratch.
Scratch narrow(const Scratch& all, const StepInputs& in) {
  Scratch s = all;
  for (Tensor* t : {&s.x, &s.h, &s.tmp}) t->rows = in.n_tokens;
  s.rows.rows = in.n_hidden;
  s.logits.rows = in.n_logits;
  return s;
}

// Adds a block's output to the residual stream, normalising it first where the layer has a norm for it.
void add_branch(CommandBatch& b, Tensor x, Tensor in, const Linear& w, Tensor post_norm, Tensor tmp, float eps) {
  if (!post_norm) return b.linear(x, in, w, Into::add);
  b.linear(tmp, in, w);
  b.rms_norm(x, tmp, post_norm, eps, Into::add);
}

// Layers of one model may differ in heads, in width and in experts: tensors that depend on them take each layer's own.
void attend(CommandBatch& b, const Model& m, size_t layer, KvLayer kv, const StepInputs& in, const Scratch& s) {
  const Layer& w = m.layers[layer];
  const LayerConfig& c = m.config.layers[layer];
  const HeadShape& heads = c.attention.heads;
  const float eps = m.config.norm_eps;
  const Tensor qkv = with_shape(s.qkv, in.n_tokens, w.qkv.rows());
  const Tensor q = with_shape(s.q, in.n_tokens, heads.q_cols());
  const Tensor attn = with_shape(s.attn, in.n_tokens, heads.q_cols());
  b.rms_norm(s.h, s.x, w.attn_norm, eps);
  b.linear(qkv, s.h, w.qkv);
  b.qk_norm_rope_store(q, kv, qkv, w.q_norm, w.k_norm, m.ropes[static_cast<size_t>(c.rope)], heads, eps, c.kv_group,
                       in);
  b.attention(attn, q, kv, c.attention, c.kv_group, in);
  add_branch(b, s.x, attn, w.out, w.attn_post_norm, s.tmp, eps);
}

void feed_forward(CommandBatch& b, const ModelConfig& config, const LayerConfig& c, const Layer& w, const Scratch& s) {
  const int n_tokens = s.x.rows;
  if (c.routing.n_experts == 0) {
    const Tensor gate_up = with_shape(s.gate_up, n_tokens, w.gate_up.rows());
    const Tensor ffn = with_shape(s.ffn, n_tokens, w.gate_up.rows() / 2);
    b.linear(gate_up, s.h, w.gate_up);
    b.glu(ffn, gate_up, config.activation);
    return add_branch(b, s.x, ffn, w.down, w.ffn_post_norm, s.tmp, config.norm_eps);
  }
  const int n_branches = n_tokens * c.routing.n_active;
  const Tensor gate_up = with_shape(s.gate_up, n_branches, w.expert_gate_up.rows());
  const Tensor ffn = with_shape(s.ffn, n_branches, w.expert_gate_up.rows() / 2);
  const Tensor out = first_rows(s.expert_out, n_branches);
  const Tensor routing = with_shape(s.routing, n_tokens, w.router.rows());
  const Tensor experts = with_shape(s.experts, n_tokens, c.routing.n_active);
  const Tensor weights = with_shape(s.expert_weights, n_tokens, c.routing.n_active);
  b.linear(routing, s.h, w.router);
  b.route(weights, experts, routing, c.routing);
  b.expert_linear(gate_up, s.h, w.expert_gate_up, experts);
  b.glu(ffn, gate_up, config.activation);
  b.expert_linear(out, ffn, w.expert_down, experts);
  if (!w.ffn_post_norm) return b.expert_sum(s.x, out, weights, Into::add);
  b.expert_sum(s.tmp, out, weights);
  b.rms_norm(s.x, s.tmp, w.ffn_post_norm, config.norm_eps, Into::add);
}

}  // namespace

void forward(CommandBatch& b, const Model& m, std::span<const KvLayer> kv, const StepInputs& in,
             const Scratch& scratch) {
  const ModelConfig& config = m.config;
  const Scratch s = narrow(scratch, in);
  b.embed(s.x, m.embedding, in.tokens, config.embed_scale);
  for (size_t i = 0; i < m.layers.size(); ++i) {
    attend(b, m, i, kv[i], in, s);
    b.rms_norm(s.h, s.x, m.layers[i].ffn_norm, config.norm_eps);
    feed_forward(b, config, config.layers[i], m.layers[i], s);
  }
  if (in.n_hidden == 0) return;
  b.gather_rows(s.rows, s.x, in.output_rows);
  b.rms_norm(s.rows, s.rows, m.final_norm, config.norm_eps);
  if (in.n_logits == 0) return;
  b.linear(s.logits, first_rows(s.rows, in.n_logits), m.head);
  if (config.logit_softcap > 0) b.softcap(s.logits, config.logit_softcap);
}

}  // namespace quandex
