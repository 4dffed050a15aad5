// What a model is, as numbers: the only thing forward, loader and planner know about an architecture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/tensor.h"
#include "model/rope.h"

namespace quandex {

struct LayerConfig {
  AttentionConfig attention;
  RouteConfig routing;  // n_experts == 0: dense feed-forward
  int rope = 0;         // index into ModelConfig::ropes
  int kv_group = 0;     // index into ModelConfig::kv_group_windows
};

// How a file stores what it stores, where conventions differ: settled by the loader, unknown to everything else.
struct StorageConvention {
  bool qk_rows_interleaved = false;  // Q and K rows are ordered for pairwise RoPE: the loader un-permutes them
  float norm_offset = 0;             // added to every norm's weights (Gemma's checkpoints hold w where 1 + w is meant)
};

struct ModelConfig {
  std::string architecture;  // for messages and tables only, never for decisions
  std::string name;
  int dim = 0, vocab = 0, n_ctx_train = 0;
  float norm_eps = 0, embed_scale = 1, logit_softcap = 0;
  Activation activation = Activation::silu;
  int ffn_dim = 0;         // of dense layers
  int expert_ffn_dim = 0;  // of one expert
  bool tied_head = false;
  bool has_qk_norm = false;     // per head, before RoPE
  bool has_qkv_bias = false;    // must be there; other biases are used where the file has them
  bool has_post_norms = false;  // of the attention's and the feed-forward's output
  StorageConvention storage;
  std::vector<RopeSpec> ropes;
  std::vector<LayerConfig> layers;
  std::vector<int> kv_group_windows;  // window of each group; 0: full attention
  // RoPE variant i serves sequences of at most rope_variant_lengths[i] tokens (increasing), one more variant all longer
  // ones; empty: one variant for all.
  std::vector<int> rope_variant_lengths;

  int n_active_experts() const {
    int n = 0;
    for (const LayerConfig& layer : layers) n = layer.routing.n_active > n ? layer.routing.n_active : n;
    return n;
  }
  // The RoPE variant of a sequence that will have at most `length` tokens.
  int rope_variant(int length) const {
    int variant = 0;
    for (const int longest : rope_variant_lengths) variant += length > longest;
    return variant;
  }
  const HeadShape& heads() const { return layers.front().attention.heads; }
};

}  // namespace quandex
