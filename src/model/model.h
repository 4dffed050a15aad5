// A loaded model: tensors on a backend, in the one canonical form that forward() runs.
#pragma once

#include <memory>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"

namespace quandex {

struct Layer {
  Tensor attn_norm, attn_post_norm, ffn_norm, ffn_post_norm, q_norm, k_norm;  // absent tensor = step skipped
  Linear qkv, out, gate_up, down, router;
  ExpertLinear expert_gate_up, expert_down;
};

struct Model {
  ModelConfig config;
  Tensor embedding, final_norm;
  Linear head;
  std::vector<RopeConfig> ropes;
  std::vector<Layer> layers;
  // Small tensors made at load (RoPE tables, stacked biases, norms in f32); uploaded tensors may alias them.
  std::vector<std::unique_ptr<std::vector<float>>> derived;
};

// Working memory of one step, sized once for the largest step by the shape check.
struct Scratch {
  Tensor x, h, qkv, q, attn, gate_up, ffn, tmp, routing, experts, expert_weights, expert_out, rows, logits;
};

// The largest step a scratch can hold.
struct StepLimits {
  int n_tokens = 0, n_sequences = 0, n_hidden = 0, n_logits = 0;
};

}  // namespace quandex
