#include "model/forward.h"

namespace quandex {
namespace {

// The step's part of the scratch.
Scratch narrow(const Scratch& all, const StepInputs& in) {
  Scratch s = all;
  for (Tensor* t : {&s.x, &s.h, &s.qkv, &s.q, &s.attn, &s.tmp, &s.routing, &s.experts, &s.expert_weights})
    t->rows = in.n_tokens;
  s.rows.rows = in.n_hidden;
  s.logits.rows = in.n_logits;
  return s;
}

// Adds a block's output to the residual stream, normalising it first where the model asks for it.
void add_branch(CommandBatch& b, Tensor x, Tensor in, const Linear& w, Tensor post_norm, Tensor tmp, float eps) {
  if (!post_norm) return b.linear(x, in, w, Into::add);
  b.linear(tmp, in, w);
  b.rms_norm(x, tmp, post_norm, eps, Into::add);
}

// Layers of one model may differ in width: gate_up and ffn take each layer's own.
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
  b.linear(s.routing, s.h, w.router);
  b.route(s.expert_weights, s.experts, s.routing, c.routing);
  b.expert_linear(gate_up, s.h, w.expert_gate_up, s.experts);
  b.glu(ffn, gate_up, config.activation);
  b.expert_linear(out, ffn, w.expert_down, s.experts);
  b.expert_sum(s.x, out, s.expert_weights);
}

}  // namespace

void forward(CommandBatch& b, const Model& m, std::span<const KvLayer> kv, const StepInputs& in,
             const Scratch& scratch) {
  const ModelConfig& config = m.config;
  const Scratch s = narrow(scratch, in);
  b.embed(s.x, m.embedding, in.tokens, config.embed_scale);
  for (size_t i = 0; i < m.layers.size(); ++i) {
    const Layer& w = m.layers[i];
    const LayerConfig& c = config.layers[i];
    b.rms_norm(s.h, s.x, w.attn_norm, config.norm_eps);
    b.linear(s.qkv, s.h, w.qkv);
    b.qk_norm_rope_store(s.q, kv[i], s.qkv, w.q_norm, w.k_norm, m.ropes[static_cast<size_t>(c.rope)], c.attention.heads,
                         config.norm_eps, c.kv_group, in);
    b.attention(s.attn, s.q, kv[i], c.attention, c.kv_group, in);
    add_branch(b, s.x, s.attn, w.out, w.attn_post_norm, s.tmp, config.norm_eps);
    b.rms_norm(s.h, s.x, w.ffn_norm, config.norm_eps);
    feed_forward(b, config, c, w, s);
  }
  if (in.n_hidden == 0) return;
  b.gather_rows(s.rows, s.x, in.output_rows);
  b.rms_norm(s.rows, s.rows, m.final_norm, config.norm_eps);
  if (in.n_logits == 0) return;
  b.linear(s.logits, first_rows(s.rows, in.n_logits), m.head);
  if (config.logit_softcap > 0) b.softcap(s.logits, config.logit_softcap);
}

}  // namespace quandex
