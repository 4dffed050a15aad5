#include "model/config_rope.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace quandex {
namespace {

std::vector<float> read_factors(const WeightSource& weights, const std::string& name, int dims) {
  const auto tensor = weights.find(name);
  if (!tensor) return {};
  if (tensor->rows() != 1 || tensor->cols() != dims / 2)
    throw Error(ErrorCode::invalid_file, "{}: {} has {} values, expected {}", weights.description(), name,
                tensor->rows() * tensor->cols(), dims / 2);
  if (tensor->type == DType::i32)
    throw Error(ErrorCode::invalid_file, "{}: {} holds integers, expected reals", weights.description(), name);
  std::vector<float> factors(static_cast<size_t>(dims / 2));
  decode_row(*tensor, 0, factors);
  for (const float factor : factors)
    if (!(factor > 0) || !std::isfinite(factor))
      throw Error(ErrorCode::invalid_file, "{}: {} holds {}, expected positive numbers", weights.description(), name,
                  factor);
  return factors;
}

int original_context(const Keys& keys, std::string_view name) { return keys.integer(name, 2, 1 << 28); }

void read_yarn(RopeSpec& rope, const Keys& keys) {
  if (!(rope.base > 1))
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected more than 1 for yarn", keys.source(),
                keys.key("rope.freq_base"), rope.base);
  rope.scaling = RopeScaling::yarn;
  rope.factor = keys.real("rope.scaling.factor", 1, 1e6);
  rope.original_context = original_context(keys, "rope.scaling.original_context_length");
  rope.beta_fast = keys.real("rope.scaling.yarn_beta_fast", 1e-3, 1e6, 32);
  rope.beta_slow = keys.real("rope.scaling.yarn_beta_slow", 1e-3, 1e6, 1);
  if (keys.real("rope.scaling.yarn_ext_factor", -1, 1, 1) == 0)
    throw Error(ErrorCode::unsupported, "{}: {} = 0 is not supported", keys.source(),
                keys.key("rope.scaling.yarn_ext_factor"));
  rope.truncates = keys.boolean("quandex.rope.scaling.truncate", true);
  // GGUF's readers multiply YaRN's own factor by the file's.
  rope.attention_factor = default_yarn_attention_factor(rope.factor) *
                          keys.real("rope.scaling.attn_factor", 0, 1e3, 1) *
                          keys.real("rope.scaling.yarn_attn_factor", 0, 1e3, 1);
}

void read_longrope(RopeSpec& rope, const Keys& keys, const WeightSource& weights) {
  rope.scaling = RopeScaling::longrope;
  rope.original_context = original_context(keys, "rope.scaling.original_context_length");
  rope.factors = read_factors(weights, "rope_factors_short.weight", rope.dims);
  rope.long_factors = read_factors(weights, "rope_factors_long.weight", rope.dims);
  if (rope.factors.empty() || rope.long_factors.empty())
    throw Error(ErrorCode::invalid_file, "{}: tensors rope_factors_short.weight and rope_factors_long.weight are {}",
                weights.description(), "needed for longrope, and at least one is missing");
  const double factor = keys.integer("context_length", 1, 1 << 30) / static_cast<double>(rope.original_context);
  rope.attention_factor =
      keys.real("rope.scaling.attn_factor", 0, 1e3, default_longrope_attention_factor(factor, rope.original_context));
}

}  // namespace

RopeSpec read_rope(const Keys& keys, const WeightSource& weights, int head_dim) {
  RopeSpec rope;
  rope.dims = keys.integer("rope.dimension_count", 0, head_dim, head_dim);
  if (rope.dims % 2 != 0)
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected an even number", keys.source(),
                keys.key("rope.dimension_count"), rope.dims);
  rope.base = keys.real("rope.freq_base", 1, 1e15, 10000);
  std::string scaling = keys.text("rope.scaling.type", keys.has("rope.scale_linear") ? "linear" : "none");
  const bool has_factors = weights.find("rope_factors_short.weight") || weights.find("rope_factors_long.weight");
  if (has_factors && scaling == "none") scaling = "longrope";  // what such files mean without saying so
  if (keys.has("quandex.rope.scaling.type")) scaling = keys.text("quandex.rope.scaling.type", scaling);
  rope.factors = read_factors(weights, "rope_freqs.weight", rope.dims);
  if (scaling == "linear") {
    rope.scaling = RopeScaling::linear;
    rope.factor = keys.real("rope.scaling.factor", 1e-6, 1e6, keys.real("rope.scale_linear", 1e-6, 1e6, 1));
  } else if (scaling == "yarn") {
    read_yarn(rope, keys);
  } else if (scaling == "longrope") {
    read_longrope(rope, keys, weights);
  } else if (scaling == "dynamic") {
    rope.scaling = RopeScaling::dynamic;
    rope.factor = keys.real("quandex.rope.scaling.factor", 1, 1024);
    rope.original_context = original_context(keys, "quandex.rope.scaling.original_context_length");
    if (rope.dims <= 2)
      throw Error(ErrorCode::invalid_file, "{}: dynamic RoPE scaling needs more than {} rotated dimensions",
                  keys.source(), rope.dims);
  } else if (scaling != "none") {
    throw Error(ErrorCode::unsupported,
                "{}: {} \"{}\" is not supported; supported: none, linear, yarn, longrope, dynamic, and factors in "
                "rope_freqs.weight",
                keys.source(), keys.key("rope.scaling.type"), scaling);
  }
  return rope;
}

void settle_ropes(ModelConfig& config, const Keys& keys, const Architecture& architecture) {
  const size_t n = config.layers.size();
  std::vector<int> rotates(n, 1);
  for (size_t i = 0; i < n; ++i)
    if (architecture.gguf_rotates && !architecture.gguf_rotates(static_cast<int>(i))) rotates[i] = 0;
  if (const auto listed = keys.integers("quandex.rope.layers", 0, 1)) {
    if (listed->size() != n)
      throw Error(ErrorCode::invalid_file, "{}: quandex.rope.layers has {} entries, expected one for each of {} layers",
                  keys.source(), listed->size(), n);
    rotates = *listed;
  }
  if (std::find(rotates.begin(), rotates.end(), 0) != rotates.end()) {
    config.ropes.emplace_back();  // dims 0
    for (size_t i = 0; i < n; ++i)
      if (!rotates[i]) config.layers[i].rope = static_cast<int>(config.ropes.size()) - 1;
  }
  for (const RopeSpec& rope : config.ropes) {
    const std::vector<int> lengths = rope_variant_lengths(rope);
    if (!lengths.empty() && !config.rope_variant_lengths.empty() && config.rope_variant_lengths != lengths)
      throw Error(ErrorCode::unsupported, "{}: layers whose RoPE depends on the length in different ways",
                  keys.source());
    if (!lengths.empty()) config.rope_variant_lengths = lengths;
    // What these kinds are for: the trained length times the factor. The file may give either length.
    if (rope.scaling == RopeScaling::dynamic || rope.scaling == RopeScaling::yarn)
      config.n_ctx_train = std::max(config.n_ctx_train,
                                    static_cast<int>(std::min(rope.factor * rope.original_context, double{1 << 30})));
  }
}

}  // namespace quandex
