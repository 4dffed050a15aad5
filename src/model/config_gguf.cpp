// A model's metadata as a ModelConfig, whatever kind of file it came from. Every value is checked where it is read: a
// file's numbers size memory later on.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "model/architectures.h"
#include "model/config_rope.h"
#include "model/load.h"

namespace quandex {
namespace {

// Keys that change what a model computes, in ways that forward does not have.
constexpr std::array<std::string_view, 12> kRefusedKeys{"attention.clamp_kqv",
                                                        "attention.max_alibi_bias",
                                                        "attention.temperature_scale",
                                                        "attention.key_length_mla",
                                                        "attention.output_scale",
                                                        "residual_scale",
                                                        "logit_scale",
                                                        "embedding_scale",
                                                        "expert_shared_count",
                                                        "expert_group_count",
                                                        "leading_dense_block_count",
                                                        "router_logit_softcapping"};

void refuse_unsupported_keys(const Keys& keys) {
  for (const std::string_view name : kRefusedKeys)
    if (keys.has(name) && keys.metadata().real(keys.key(name)) != 0)
      throw Error(ErrorCode::unsupported, "{}: {} = {} is not supported", keys.source(), keys.key(name),
                  keys.metadata().real(keys.key(name)));
}

HeadShape read_heads(const Keys& keys, int dim) {
  HeadShape heads;
  heads.n_heads = keys.integer("attention.head_count", 1, 65536);
  heads.n_kv_heads = keys.integer("attention.head_count_kv", 1, 65536, heads.n_heads);
  if (heads.n_heads % heads.n_kv_heads != 0)
    throw Error(ErrorCode::invalid_file, "{}: {} heads cannot share {} key/value heads", keys.source(), heads.n_heads,
                heads.n_kv_heads);
  if (!keys.has("attention.key_length") && dim % heads.n_heads != 0)
    throw Error(ErrorCode::invalid_file, "{}: embedding length {} is not a multiple of {} heads, and {} is absent",
                keys.source(), dim, heads.n_heads, keys.key("attention.key_length"));
  heads.head_dim = keys.integer("attention.key_length", 2, 65536, dim / heads.n_heads);
  const int value_length = keys.integer("attention.value_length", 2, 65536, heads.head_dim);
  if (value_length != heads.head_dim)
    throw Error(ErrorCode::unsupported, "{}: {} is {} where keys have {}: different lengths are not supported",
                keys.source(), keys.key("attention.value_length"), value_length, heads.head_dim);
  return heads;
}

RouteConfig read_routing(const Keys& keys) {
  RouteConfig routing;
  routing.n_experts = keys.integer("expert_count", 0, 65536, 0);
  if (routing.n_experts == 0) return {};
  routing.n_active = keys.integer("expert_used_count", 1, routing.n_experts);
  // Values of the GGUF registry: 1 softmax, 2 sigmoid.
  const int gating = keys.integer("expert_gating_func", 0, 2, 1);
  if (gating == 2) routing.score = RouteScore::sigmoid;
  routing.normalize = keys.boolean("expert_weights_norm", true);
  routing.scale = static_cast<float>(keys.real("expert_weights_scale", 0, 1e6, 1));
  if (routing.scale == 0) routing.scale = 1;  // how some writers say "none"
  return routing;
}

void read_vocabulary(ModelConfig& config, const Metadata& metadata, const WeightSource& weights) {
  const auto embedding = weights.find("token_embd.weight");
  if (!embedding)
    throw Error(ErrorCode::invalid_file, "{}: tensor {} is missing", weights.description(),
                weights.name_in_file("token_embd.weight"));
  if (embedding->shape.size() != 2 || embedding->rows() < 1 || embedding->rows() > 16'777'216)
    throw Error(ErrorCode::invalid_file,
                "{}: {} has {} dimensions and {} rows, expected a matrix of 1 to 16777216 rows", weights.description(),
                weights.name_in_file("token_embd.weight"), embedding->shape.size(), embedding->rows());
  config.vocab = static_cast<int>(embedding->rows());
  const MetaArray* tokens = metadata.array("tokenizer.ggml.tokens");
  if (tokens && tokens->count != static_cast<uint64_t>(config.vocab))
    throw Error(ErrorCode::invalid_file,
                "{}: the tokenizer has {} tokens but token_embd.weight {} rows: they do not belong together",
                metadata.source(), tokens->count, config.vocab);
}

// A list that has one entry a layer.
std::vector<int> per_layer(const Keys& keys, std::string_view name, size_t n_layers, int64_t low, int64_t high) {
  std::vector<int> values = keys.integers(name, low, high).value_or(std::vector<int>{});
  if (values.size() != n_layers)
    throw Error(ErrorCode::invalid_file, "{}: {} has {} entries, expected one for each of {} layers", keys.source(),
                keys.key(name), values.size(), n_layers);
  return values;
}

void assign_windows(ModelConfig& config, const Keys& keys, const Architecture& architecture) {
  const size_t n = config.layers.size();
  const int window = keys.integer("attention.sliding_window", 0, 1'073'741'824, 0);
  std::vector<int> windows(n, window);
  for (size_t i = 0; i < n; ++i)
    if (architecture.gguf_slides && !architecture.gguf_slides(static_cast<int>(i))) windows[i] = 0;
  if (keys.integers("attention.sliding_window_pattern", 0, 1)) {  // one flag a layer; else a period
    const std::vector<int> slides = per_layer(keys, "attention.sliding_window_pattern", n, 0, 1);
    for (size_t i = 0; i < n; ++i) windows[i] = slides[i] ? window : 0;
  } else if (keys.has("attention.sliding_window_pattern")) {
    const auto period = static_cast<size_t>(keys.integer("attention.sliding_window_pattern", 1, 4096));
    for (size_t i = 0; i < n; ++i) windows[i] = (i + 1) % period != 0 ? window : 0;
  }
  if (keys.has("quandex.attention.windows")) windows = per_layer(keys, "quandex.attention.windows", n, 0, 1 << 30);
  std::vector<int>& groups = config.kv_group_windows;
  for (const int w : windows)
    if (std::find(groups.begin(), groups.end(), w) == groups.end()) groups.push_back(w);
  std::sort(groups.begin(), groups.end());  // full attention first
  if (groups.size() > kMaxKvGroups)
    throw Error(ErrorCode::unsupported, "{}: layers have {} different attention windows, supported: {}", keys.source(),
                groups.size(), kMaxKvGroups);
  for (size_t i = 0; i < n; ++i) {
    config.layers[i].attention.window = windows[i];
    config.layers[i].kv_group = static_cast<int>(std::find(groups.begin(), groups.end(), windows[i]) - groups.begin());
  }
}

void assign_dense_layers(ModelConfig& config, const Keys& keys) {
  const auto n = static_cast<int64_t>(config.layers.size());
  for (const int layer : keys.integers("quandex.dense_layers", 0, n - 1).value_or(std::vector<int>{}))
    config.layers[static_cast<size_t>(layer)].routing = {};
}

}  // namespace

ModelConfig read_config(const Metadata& metadata, const WeightSource& weights,
                        std::set<std::string, std::less<>>* read_keys) {
  ModelConfig config;
  const std::string& name = metadata.string("general.architecture");
  const Architecture& architecture = find_architecture(name, metadata.source());
  config.architecture = name;
  const Keys keys(metadata, name);
  refuse_unsupported_keys(keys);
  config.name = metadata.string("general.name", "unnamed");
  config.dim = keys.integer("embedding_length", 1, 1'048'576);
  config.n_ctx_train = keys.integer("context_length", 1, 1'073'741'824);
  config.norm_eps = static_cast<float>(keys.real("attention.layer_norm_rms_epsilon", 1e-12, 1));
  config.tied_head = !weights.find("output.weight").has_value();
  config.storage.norm_offset = static_cast<float>(keys.real("quandex.norm_offset", -1, 1, 0));
  read_vocabulary(config, metadata, weights);

  LayerConfig layer;
  layer.attention.heads = read_heads(keys, config.dim);
  layer.attention.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(layer.attention.heads.head_dim)));
  layer.routing = read_routing(keys);
  config.ffn_dim = keys.integer("feed_forward_length", 0, 16'777'216);
  if (layer.routing.n_experts > 0)
    config.expert_ffn_dim = keys.integer("expert_feed_forward_length", 1, 16'777'216, config.ffn_dim);
  else if (config.ffn_dim == 0)
    keys.integer("feed_forward_length", 1, 16'777'216);
  config.layers.assign(static_cast<size_t>(keys.integer("block_count", 1, 4096)), layer);
  config.ropes.push_back(read_rope(keys, weights, layer.attention.heads.head_dim));
  assign_windows(config, keys, architecture);
  assign_dense_layers(config, keys);
  architecture.configure(config, keys);
  if (keys.has("attention.scale"))
    for (LayerConfig& l : config.layers)
      l.attention.scale = static_cast<float>(keys.real("attention.scale", 1e-6, 1e6));
  settle_ropes(config, keys, architecture);
  if (read_keys != nullptr) *read_keys = keys.read();
  return config;
}

}  // namespace quandex
