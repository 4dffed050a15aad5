// What a model is, as numbers: the only thing forward, loader and planner know about an architecture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/tensor.h"

namespace quandex {

struct LayerConfig {
  AttentionConfig attention;
  RouteConfig routing;  // n_experts == 0: dense feed-forward
  int rope = 0;         // index into ModelConfig::ropes
  int kv_group = 0;
};

// The definition of a RoPE table before it is computed.
struct RopeSpec {
  int dims = 0;
  double base = 10000;
  // Each inverse frequency is divided by its factor; empty: all ones (GGUF rope_freqs.weight, Llama 3 scaling).
  std::vector<float> factors;
  double position_scale = 1;  // linear scaling: positions are divided by it
  float attention_factor = 1;
};

struct ModelConfig {
  std::string architecture;  // for messages and tables only, never for decisions
  std::string name;
  int dim = 0, vocab = 0, n_ctx_train = 0;
  float norm_eps = 0, embed_scale = 1, logit_softcap = 0;
  Activation activation = Activation::silu;
  int ffn_dim = 0;
  bool tied_head = false;
  bool has_qk_norm = false;
  bool qk_rows_interleaved = false;  // the file's Q and K rows are ordered for pairwise RoPE: the loader un-permutes
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
