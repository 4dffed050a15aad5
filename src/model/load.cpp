#include "model/load.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "model/forward.h"
#include "model/rope.h"
#include "model/scratch.h"
#include "model/weight_loader.h"

namespace quandex {
namespace {

// Stored values that every engine computes for itself.
bool is_harmless(std::string_view name) {
  constexpr std::array<std::string_view, 5> kEndings{"rotary_emb.inv_freq", "attn_rot_embd.weight", "masked_bias",
                                                     "lm_head.weight", "rotary_emb.cos_cached"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view end) { return name.ends_with(end); });
}

class ModelLoader {
 public:
  ModelLoader(const ModelConfig& config, const WeightSource& weights, Backend& backend, bool shapes_only,
              const LoadProgress& progress, uint64_t total_bytes)
      : config_(config), loader_(weights, config.architecture, backend, model_, shapes_only, progress, total_bytes) {}

  Model load() {
    model_.config = config_;
    for (const char* name : {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"})
      if (loader_.has(name)) loader_.mark_used(name);
    for (const RopeSpec& spec : config_.ropes) model_.ropes.push_back(load_rope(spec));
    model_.embedding = loader_.matrix("token_embd", config_.vocab, config_.dim);
    for (size_t i = 0; i < config_.layers.size(); ++i) load_layer(static_cast<int>(i));
    model_.final_norm = norm("output_norm", config_.dim);
    if (config_.tied_head)
      model_.head = Linear{{model_.embedding}, 1, {}, false};
    else
      model_.head = loader_.stack(std::array{StackPart{"output", config_.vocab}}, config_.dim);
    return std::move(model_);
  }

  const WeightLoader& loader() const { return loader_; }

 private:
  RopeConfig load_rope(const RopeSpec& spec) {
    RopeConfig rope;
    rope.dims = spec.dims;
    if (spec.dims == 0) return rope;
    const auto n_variants = static_cast<int64_t>(config_.rope_variant_lengths.size()) + 1;
    rope.inverse_freq = loader_.derive("rope table", rope_tables(spec, config_.rope_variant_lengths), n_variants);
    const std::vector<float> scales(static_cast<size_t>(n_variants), static_cast<float>(spec.attention_factor));
    rope.scale = loader_.derive("rope scale", scales, n_variants);
    return rope;
  }

  Tensor norm(const std::string& name, int64_t n) { return loader_.vector(name, n, config_.storage.norm_offset); }

  void load_layer(int index) {
    const std::string prefix = fmt::format("blk.{}.", index);
    const LayerConfig& c = config_.layers[static_cast<size_t>(index)];
    Layer& layer = model_.layers.emplace_back();
    layer.attn_norm = norm(prefix + "attn_norm", config_.dim);
    layer.ffn_norm = norm(prefix + "ffn_norm", config_.dim);
    if (config_.has_post_norms) {
      layer.attn_post_norm = norm(prefix + "post_attention_norm", config_.dim);
      layer.ffn_post_norm = norm(prefix + "post_ffw_norm", config_.dim);
    }
    load_attention(layer, c, prefix);
    if (c.routing.n_experts > 0)
      load_experts(layer, c.routing.n_experts, prefix);
    else
      load_feed_forward(layer, prefix);
  }

  void load_attention(Layer& layer, const LayerConfig& c, const std::string& prefix) {
    const HeadShape& heads = c.attention.heads;
    RowOrder order;
    // Layers without rotation have the same order, which leaves their scores alone.
    if (config_.storage.qk_rows_interleaved) order = {heads.head_dim, config_.ropes.front().dims};
    if (loader_.has(prefix + "attn_qkv.weight"))  // q, k and v in one, rows as half-split RoPE wants them
      layer.qkv = loader_.stack(std::array{StackPart{prefix + "attn_qkv", heads.qkv_cols()}}, config_.dim);
    else
      layer.qkv = loader_.stack(std::array{StackPart{prefix + "attn_q", heads.q_cols(), order},
                                           StackPart{prefix + "attn_k", heads.kv_cols(), order},
                                           StackPart{prefix + "attn_v", heads.kv_cols()}},
                                config_.dim, config_.has_qkv_bias);
    if (config_.has_qk_norm) {
      layer.q_norm = norm(prefix + "attn_q_norm", heads.head_dim);
      layer.k_norm = norm(prefix + "attn_k_norm", heads.head_dim);
    }
    layer.out = loader_.stack(std::array{StackPart{prefix + "attn_output", config_.dim}}, heads.q_cols());
  }

  void load_feed_forward(Layer& layer, const std::string& prefix) {
    const int64_t ffn = config_.ffn_dim;
    if (loader_.has(prefix + "ffn_gate.weight"))
      layer.gate_up = loader_.stack(std::array{StackPart{prefix + "ffn_gate", ffn}, StackPart{prefix + "ffn_up", ffn}},
                                    config_.dim);
    else  // gate and up in one
      layer.gate_up = loader_.stack(std::array{StackPart{prefix + "ffn_up", 2 * ffn}}, config_.dim);
    layer.down = loader_.stack(std::array{StackPart{prefix + "ffn_down", config_.dim}}, ffn);
  }

  void load_experts(Layer& layer, int n_experts, const std::string& prefix) {
    const int64_t ffn = config_.expert_ffn_dim;
    layer.router = loader_.stack(std::array{StackPart{prefix + "ffn_gate_inp", n_experts}}, config_.dim);
    ExpertLinear& gate_up = layer.expert_gate_up;
    gate_up.n_experts = layer.expert_down.n_experts = n_experts;
    if (loader_.has(prefix + "ffn_gate_up_exps.weight")) {
      gate_up.parts[0] = loader_.experts(prefix + "ffn_gate_up", n_experts, 2 * ffn, config_.dim);
      gate_up.n_parts = 1;
    } else {
      gate_up.parts[0] = loader_.experts(prefix + "ffn_gate", n_experts, ffn, config_.dim);
      gate_up.parts[1] = loader_.experts(prefix + "ffn_up", n_experts, ffn, config_.dim);
      gate_up.n_parts = 2;
    }
    layer.expert_down.parts[0] = loader_.experts(prefix + "ffn_down", n_experts, config_.dim, ffn);
    layer.expert_down.n_parts = 1;
  }

  const ModelConfig& config_;
  Model model_;
  WeightLoader loader_;
};

const LoadProgress kSilent;

}  // namespace

Model load_shapes(const ModelConfig& config, const WeightSource& weights, Backend& backend) {
  return ModelLoader(config, weights, backend, true, kSilent, 0).load();
}

Model load_model(const ModelConfig& config, const WeightSource& weights, Backend& backend,
                 const LoadProgress& progress) {
  ShapeCheck shapes;
  ModelLoader checker(config, weights, shapes, true, kSilent, 0);
  const Model model = checker.load();
  check_shapes(model, {1, 1, 1, 1}, shapes);
  return ModelLoader(config, weights, backend, false, progress, checker.loader().used_bytes()).load();
}

UnusedTensors unused_tensors(const ModelConfig& config, const WeightSource& weights) {
  ShapeCheck shapes;
  ModelLoader checker(config, weights, shapes, true, kSilent, 0);
  checker.load();
  UnusedTensors unused;
  for (const std::string& name : weights.names())
    if (!checker.loader().used().contains(name))
      (is_harmless(name) ? unused.harmless : unused.unexplained).push_back(name);
  return unused;
}

ParameterCount count_parameters(const ModelConfig& config, const WeightSource& weights) {
  ShapeCheck shapes;
  ModelLoader checker(config, weights, shapes, true, kSilent, 0);
  checker.load();
  ParameterCount count;
  for (const std::string& name : checker.loader().used()) {
    const auto tensor = weights.find(name);
    const int64_t n = tensor ? tensor->rows() * tensor->cols() : 0;
    count.total += n;
    count.active += n;
  }
  // Of each mixture only the chosen experts are active.
  for (const LayerConfig& layer : config.layers) {
    const int64_t idle = layer.routing.n_experts - layer.routing.n_active;
    count.active -= idle * 3 * int64_t{config.expert_ffn_dim} * config.dim;
  }
  return count;
}

}  // namespace quandex
