// A GGUF's metadata as a ModelConfig. Every value is checked where it is read: a file's numbers size memory later on.
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "model/architectures.h"
#include "model/load.h"

namespace quandex {
namespace {

class Keys {
 public:
  Keys(const Metadata& metadata, std::string architecture)
      : metadata_(metadata), architecture_(std::move(architecture)) {}

  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }
  bool has(std::string_view name) const { return metadata_.has(key(name)); }

  int integer(std::string_view name, int64_t low, int64_t high) const {
    return checked(name, uniform_integer(key(name)), low, high);
  }
  int integer(std::string_view name, int64_t low, int64_t high, int64_t otherwise) const {
    return has(name) ? integer(name, low, high) : static_cast<int>(otherwise);
  }
  double real(std::string_view name, double low, double high, double otherwise) const {
    return has(name) ? real(name, low, high) : otherwise;
  }
  double real(std::string_view name, double low, double high) const {
    const double value = metadata_.real(key(name));
    if (!(value >= low && value <= high))
      throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected {} to {}", metadata_.source(), key(name), value, low,
                  high);
    return value;
  }
  std::string text(std::string_view name, std::string_view otherwise) const {
    return metadata_.string(key(name), otherwise);
  }

 private:
  // Some writers store per-layer arrays; one value for all layers is what these architectures have.
  int64_t uniform_integer(const std::string& name) const {
    const MetaValue* value = metadata_.find(name);
    if (!value || value->type != MetaType::array) return metadata_.integer(name);
    const MetaArray* array = metadata_.array(name);
    if (array->count == 0) throw Error(ErrorCode::invalid_file, "{}: {} is an empty array", metadata_.source(), name);
    for (size_t i = 1; i < array->count; ++i)
      if (array->integer(i) != array->integer(0))
        throw Error(ErrorCode::unsupported, "{}: {} differs between layers ({} and {}), which is not supported for {}",
                    metadata_.source(), name, array->integer(0), array->integer(i), architecture_);
    return array->integer(0);
  }
  int checked(std::string_view name, int64_t value, int64_t low, int64_t high) const {
    if (value < low || value > high)
      throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected {} to {}", metadata_.source(), key(name), value, low,
                  high);
    return static_cast<int>(value);
  }

  const Metadata& metadata_;
  std::string architecture_;
};

// Keys that change what these architectures compute, in ways that forward does not have yet.
constexpr std::array<std::string_view, 6> kRefusedKeys{
    "expert_count",   "attention.clamp_kqv", "attention.max_alibi_bias",
    "residual_scale", "logit_scale",         "embedding_scale"};

void refuse_unsupported_keys(const Keys& keys, const Metadata& metadata) {
  for (const std::string_view name : kRefusedKeys)
    if (keys.has(name) && metadata.real(keys.key(name)) != 0)
      throw Error(ErrorCode::unsupported, "{}: {} = {} is not supported", metadata.source(), keys.key(name),
                  metadata.real(keys.key(name)));
}

HeadShape read_heads(const Keys& keys, const Metadata& metadata, int dim) {
  HeadShape heads;
  heads.n_heads = keys.integer("attention.head_count", 1, 65536);
  heads.n_kv_heads = keys.integer("attention.head_count_kv", 1, 65536, heads.n_heads);
  if (heads.n_heads % heads.n_kv_heads != 0)
    throw Error(ErrorCode::invalid_file, "{}: {} heads cannot share {} key/value heads", metadata.source(),
                heads.n_heads, heads.n_kv_heads);
  if (!keys.has("attention.key_length") && dim % heads.n_heads != 0)
    throw Error(ErrorCode::invalid_file, "{}: embedding length {} is not a multiple of {} heads, and {} is absent",
                metadata.source(), dim, heads.n_heads, keys.key("attention.key_length"));
  heads.head_dim = keys.integer("attention.key_length", 2, 65536, dim / heads.n_heads);
  const int value_length = keys.integer("attention.value_length", 2, 65536, heads.head_dim);
  if (value_length != heads.head_dim)
    throw Error(ErrorCode::unsupported, "{}: {} is {} where keys have {}: different lengths are not supported",
                metadata.source(), keys.key("attention.value_length"), value_length, heads.head_dim);
  return heads;
}

std::vector<float> read_rope_factors(const WeightSource& weights, int dims) {
  const auto tensor = weights.find("rope_freqs.weight");
  if (!tensor) return {};
  if (tensor->rows() != 1 || tensor->cols() != dims / 2)
    throw Error(ErrorCode::invalid_file, "{}: rope_freqs.weight has {} values, expected {}", weights.description(),
                tensor->rows() * tensor->cols(), dims / 2);
  std::vector<float> factors(static_cast<size_t>(dims / 2));
  decode_row(tensor->type, tensor->planes[0], factors);
  for (const float factor : factors)
    if (!(factor > 0) || !std::isfinite(factor))
      throw Error(ErrorCode::invalid_file, "{}: rope_freqs.weight holds {}, expected positive numbers",
                  weights.description(), factor);
  return factors;
}

RopeSpec read_rope(const Keys& keys, const Metadata& metadata, const WeightSource& weights, int head_dim) {
  RopeSpec rope;
  rope.dims = keys.integer("rope.dimension_count", 0, head_dim, head_dim);
  if (rope.dims % 2 != 0)
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected an even number", metadata.source(),
                keys.key("rope.dimension_count"), rope.dims);
  rope.base = keys.real("rope.freq_base", 1, 1e15, 10000);
  const std::string scaling = keys.text("rope.scaling.type", keys.has("rope.scale_linear") ? "linear" : "none");
  if (scaling == "linear")
    rope.position_scale = keys.real("rope.scaling.factor", 1e-6, 1e6, keys.real("rope.scale_linear", 1e-6, 1e6, 1));
  else if (scaling != "none")
    throw Error(ErrorCode::unsupported,
                "{}: {} \"{}\" is not supported; supported: none, linear, and factors in rope_freqs.weight",
                metadata.source(), keys.key("rope.scaling.type"), scaling);
  rope.factors = read_rope_factors(weights, rope.dims);
  return rope;
}

void read_vocabulary(ModelConfig& config, const Metadata& metadata, const WeightSource& weights) {
  const auto embedding = weights.find("token_embd.weight");
  if (!embedding)
    throw Error(ErrorCode::invalid_file, "{}: tensor token_embd.weight is missing", weights.description());
  if (embedding->shape.size() != 2 || embedding->rows() < 1 || embedding->rows() > 16'777'216)
    throw Error(ErrorCode::invalid_file,
                "{}: token_embd.weight has {} dimensions and {} rows, expected a matrix of 1 to 16777216 rows",
                weights.description(), embedding->shape.size(), embedding->rows());
  config.vocab = static_cast<int>(embedding->rows());
  const MetaArray* tokens = metadata.array("tokenizer.ggml.tokens");
  if (tokens && tokens->count != static_cast<uint64_t>(config.vocab))
    throw Error(ErrorCode::invalid_file,
                "{}: the tokenizer has {} tokens but token_embd.weight {} rows: they do not belong together",
                metadata.source(), tokens->count, config.vocab);
}

}  // namespace

ModelConfig read_config(const Metadata& metadata, const WeightSource& weights) {
  ModelConfig config;
  config.architecture = metadata.string("general.architecture");
  const Architecture& architecture = find_architecture(config.architecture, metadata.source());
  const Keys keys(metadata, config.architecture);
  refuse_unsupported_keys(keys, metadata);
  config.name = metadata.string("general.name", "unnamed");
  config.dim = keys.integer("embedding_length", 1, 1'048'576);
  config.ffn_dim = keys.integer("feed_forward_length", 1, 16'777'216);
  config.n_ctx_train = keys.integer("context_length", 1, 1'073'741'824);
  config.norm_eps = static_cast<float>(keys.real("attention.layer_norm_rms_epsilon", 1e-12, 1));
  config.tied_head = !weights.find("output.weight").has_value();
  read_vocabulary(config, metadata, weights);

  LayerConfig layer;
  layer.attention.heads = read_heads(keys, metadata, config.dim);
  const double default_scale = 1.0 / std::sqrt(static_cast<double>(layer.attention.heads.head_dim));
  layer.attention.scale = static_cast<float>(keys.real("attention.scale", 1e-6, 1e6, default_scale));
  layer.attention.window = keys.integer("attention.sliding_window", 0, 1'073'741'824, 0);
  config.kv_group_windows = {layer.attention.window};
  config.ropes.push_back(read_rope(keys, metadata, weights, layer.attention.heads.head_dim));
  config.layers.assign(static_cast<size_t>(keys.integer("block_count", 1, 4096)), layer);
  architecture.configure(config, metadata);
  return config;
}

}  // namespace quandex
