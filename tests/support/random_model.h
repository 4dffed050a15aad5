// A tiny model with seeded weights whose layers are put together one by one, from everything that forward() knows:
// windows, head shapes, rotations, post norms, soft caps, experts and their routing. Made without the loader, so that
// it tests what lies below: the experts' matrices come one by one, biases and norms lie in tensors of their own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "model/model.h"
#include "support/memory_weights.h"

namespace quandex {

struct RandomLayer {
  int window = 0;
  HeadShape heads{4, 2, 32};
  float softcap = 0;
  int rope = 0;  // 0: half of a head, 1: none, 2: eight values, with an attention factor
  RouteConfig routing = {};
  bool has_qk_norm = false, has_post_norms = false, has_bias = false;
};

// One layer of every kind there is, and each kind of routing.
inline std::vector<RandomLayer> every_kind_of_layer() {
  return {
      {.window = 7, .has_qk_norm = true, .has_post_norms = true},
      {.heads = {2, 1, 48}, .softcap = 3, .rope = 2, .has_bias = true},
      {.window = 33,
       .rope = 1,
       .routing = {6, 2, RouteScore::softmax_then_choose, true, 1},
       .has_qk_norm = true,
       .has_post_norms = true},
      {.routing = {5, 3, RouteScore::choose_then_softmax, false, 1}, .has_bias = true},
      {.window = 7,
       .heads = {6, 3, 16},
       .softcap = 5,
       .rope = 2,
       .routing = {4, 1, RouteScore::sigmoid, false, 1.5f},
       .has_qk_norm = true,
       .has_post_norms = true},
      {.softcap = 2, .routing = {6, 2, RouteScore::softmax_then_choose, false, 2}},
  };
}

class RandomModel {
 public:
  static constexpr int kDim = 64, kFfn = 96, kExpertFfn = 32, kVocab = 97;

  // Matrices are of the given type, the router and all vectors f32. The caller may change `config` before load().
  explicit RandomModel(std::vector<RandomLayer> layers, DType type = DType::f32)
      : layers_(std::move(layers)), type_(type) {
    config.architecture = config.name = "random";
    config.dim = kDim;
    config.vocab = kVocab;
    config.n_ctx_train = 4096;
    config.norm_eps = 1e-5f;
    config.ffn_dim = kFfn;
    matrix("embedding", kVocab, kDim);
    norm("final_norm", kDim);
    matrix("head", kVocab, kDim);
    for (size_t i = 0; i < layers_.size(); ++i) add_layer(i);
  }

  // The model aliases this object's weights where the backend does.
  Model load(Backend& backend) const {
    Model model;
    model.config = config;
    model.ropes = {rope(backend, 16, 1e4, 1), {}, rope(backend, 8, 1e6, 1.1f)};
    model.embedding = upload(backend, {"embedding"});
    model.final_norm = upload(backend, {"final_norm"});
    model.head = linear(backend, {"head"});
    for (size_t i = 0; i < layers_.size(); ++i) model.layers.push_back(load_layer(backend, i));
    return model;
  }

  ModelConfig config;

 private:
  static std::string name_of(size_t layer, const std::string& what) { return std::to_string(layer) + "." + what; }
  static std::vector<std::string> experts_of(const std::string& name, int n) {
    std::vector<std::string> names;
    for (int e = 0; e < n; ++e) names.push_back(name + "." + std::to_string(e));
    return names;
  }

  void matrix(const std::string& name, int rows, int cols) {
    weights_.add_random(name, {rows, cols}, 2.0f / std::sqrt(static_cast<float>(cols)), 0, type_);
  }
  void norm(const std::string& name, int n) { weights_.add_random(name, {n}, 0.2f, 1.0f); }

  int group_of(int window) {
    auto& windows = config.kv_group_windows;
    const auto found = std::find(windows.begin(), windows.end(), window);
    const auto group = static_cast<int>(found - windows.begin());
    if (found == windows.end()) windows.push_back(window);
    return group;
  }

  void add_layer(size_t i) {
    const RandomLayer& layer = layers_[i];
    LayerConfig c;
    c.attention = {layer.heads, 1 / std::sqrt(static_cast<float>(layer.heads.head_dim)), layer.softcap, layer.window};
    c.routing = layer.routing;
    c.rope = layer.rope;
    c.kv_group = group_of(layer.window);
    config.layers.push_back(c);
    for (const char* name : {"attn_norm", "attn_post_norm", "ffn_norm", "ffn_post_norm"}) norm(name_of(i, name), kDim);
    for (const char* name : {"q_norm", "k_norm"}) norm(name_of(i, name), layer.heads.head_dim);
    matrix(name_of(i, "q"), layer.heads.q_cols(), kDim);
    matrix(name_of(i, "k"), layer.heads.kv_cols(), kDim);
    matrix(name_of(i, "v"), layer.heads.kv_cols(), kDim);
    weights_.add_random(name_of(i, "qkv_bias"), {layer.heads.qkv_cols()}, 0.5f);
    matrix(name_of(i, "out"), kDim, layer.heads.q_cols());
    const int n_experts = layer.routing.n_experts;
    if (n_experts == 0) {
      matrix(name_of(i, "gate"), kFfn, kDim);
      matrix(name_of(i, "up"), kFfn, kDim);
      matrix(name_of(i, "down"), kDim, kFfn);
      return;
    }
    weights_.add_random(name_of(i, "router"), {n_experts, kDim}, 0.25f);
    for (const char* name : {"gate", "up"})
      for (const std::string& expert : experts_of(name_of(i, name), n_experts)) matrix(expert, kExpertFfn, kDim);
    for (const std::string& expert : experts_of(name_of(i, "down"), n_experts)) matrix(expert, kDim, kExpertFfn);
  }

  Tensor upload(Backend& backend, const std::vector<std::string>& names) const {
    std::vector<HostTensor> tensors;
    for (const std::string& name : names) tensors.push_back(*weights_.find(name));
    std::vector<RowSegment> segments;
    for (const HostTensor& tensor : tensors) segments.push_back({&tensor, 0, tensor.rows()});
    return backend.upload(names.front(), tensors.front().type, segments);
  }
  Linear linear(Backend& backend, const std::vector<std::string>& names) const {
    return {{upload(backend, names)}, 1, {}, false};
  }

  static RopeConfig rope(Backend& backend, int dims, double base, float scale) {
    std::vector<float> inverse_freq;
    for (int i = 0; i < dims; i += 2) inverse_freq.push_back(static_cast<float>(std::pow(base, -double(i) / dims)));
    const auto row = [&](const std::vector<float>& values) {
      const Tensor t = backend.allocate(DType::f32, 1, static_cast<int>(values.size()));
      std::memcpy(backend.host_view(t).data(), values.data(), values.size() * sizeof(float));
      return t;
    };
    return {dims, row(inverse_freq), row({scale})};
  }

  Layer load_layer(Backend& backend, size_t i) const {
    const RandomLayer& layer = layers_[i];
    const auto one = [&](const char* name) { return upload(backend, {name_of(i, name)}); };
    Layer out;
    out.attn_norm = one("attn_norm");
    out.ffn_norm = one("ffn_norm");
    if (layer.has_post_norms) {
      out.attn_post_norm = one("attn_post_norm");
      out.ffn_post_norm = one("ffn_post_norm");
    }
    if (layer.has_qk_norm) {
      out.q_norm = one("q_norm");
      out.k_norm = one("k_norm");
    }
    out.qkv = linear(backend, {name_of(i, "q"), name_of(i, "k"), name_of(i, "v")});
    if (layer.has_bias) out.qkv.bias = one("qkv_bias");
    out.out = linear(backend, {name_of(i, "out")});
    const int n_experts = layer.routing.n_experts;
    if (n_experts == 0) {
      out.gate_up = linear(backend, {name_of(i, "gate"), name_of(i, "up")});
      out.down = linear(backend, {name_of(i, "down")});
      return out;
    }
    const auto experts = [&](const char* name) { return upload(backend, experts_of(name_of(i, name), n_experts)); };
    out.router = linear(backend, {name_of(i, "router")});
    out.expert_gate_up = {{experts("gate"), experts("up")}, 2, n_experts};
    out.expert_down = {{experts("down")}, 1, n_experts};
    return out;
  }

  std::vector<RandomLayer> layers_;
  DType type_;
  MemoryWeights weights_;
};

}  // namespace quandex
