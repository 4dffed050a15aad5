#include "model/load.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "model/forward.h"
#include "model/rope.h"
#include "model/scratch.h"

namespace quandex {
namespace {

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// Row r of a half-split head-wise matrix, in a file that orders each head's rotated rows in pairs: canonical row
// (p * dims / 2 + i) of a head is the file's row (2 i + p). The same map is its own definition for biases.
int64_t interleaved_row(int64_t row, int head_dim, int rope_dims) {
  const int64_t head = row / head_dim, within = row % head_dim;
  if (within >= rope_dims) return row;
  const int64_t half = rope_dims / 2;
  return head * head_dim + 2 * (within % half) + within / half;
}

// One matrix of a stack: its name without suffix, its height, and whether its rows are un-permuted.
struct StackPart {
  std::string name;
  int64_t rows;
  bool interleaved = false;
};

class Loader {
 public:
  Loader(const ModelConfig& config, const WeightSource& weights, Backend& backend, bool shapes_only,
         const LoadProgress& progress)
      : config_(config), weights_(weights), backend_(backend), shapes_only_(shapes_only), progress_(progress) {
    for (const std::string& name : weights.names())
      if (const auto tensor = weights.find(name); progress && tensor) total_bytes_ += tensor->size_bytes();
  }

  Model load() {
    model_.config = config_;
    load_ropes();
    model_.embedding = single("token_embd.weight", config_.vocab, config_.dim);
    for (size_t i = 0; i < config_.layers.size(); ++i) load_layer(static_cast<int>(i));
    model_.final_norm = vector("output_norm.weight", config_.dim);
    if (config_.tied_head)
      model_.head = Linear{{model_.embedding}, 1, {}, false};
    else
      model_.head = stack({{"output", config_.vocab}}, config_.dim);
    return std::move(model_);
  }

  const std::set<std::string, std::less<>>& used() const { return used_; }

 private:
  void load_ropes() {
    if (weights_.find("rope_freqs.weight")) used_.insert("rope_freqs.weight");
    for (const RopeSpec& spec : config_.ropes) {
      RopeConfig rope;
      rope.dims = spec.dims;
      if (spec.dims > 0) {
        rope.inverse_freq = derive("rope table", rope_inverse_frequencies(spec));
        rope.scale = derive("rope scale", {spec.attention_factor});
      }
      model_.ropes.push_back(rope);
    }
  }

  void load_layer(int index) {
    const std::string prefix = fmt::format("blk.{}.", index);
    const LayerConfig& c = config_.layers[static_cast<size_t>(index)];
    const HeadShape& heads = c.attention.heads;
    const bool interleaved = config_.qk_rows_interleaved;
    rope_dims_ = config_.ropes[static_cast<size_t>(c.rope)].dims;
    head_dim_ = heads.head_dim;
    Layer& layer = model_.layers.emplace_back();
    layer.attn_norm = vector(prefix + "attn_norm.weight", config_.dim);
    layer.qkv = stack({{prefix + "attn_q", heads.q_cols(), interleaved},
                       {prefix + "attn_k", heads.kv_cols(), interleaved},
                       {prefix + "attn_v", heads.kv_cols()}},
                      config_.dim);
    if (config_.has_qk_norm) {
      layer.q_norm = vector(prefix + "attn_q_norm.weight", heads.head_dim);
      layer.k_norm = vector(prefix + "attn_k_norm.weight", heads.head_dim);
    }
    layer.out = stack({{prefix + "attn_output", config_.dim}}, heads.q_cols());
    layer.ffn_norm = vector(prefix + "ffn_norm.weight", config_.dim);
    layer.gate_up = stack({{prefix + "ffn_gate", config_.ffn_dim}, {prefix + "ffn_up", config_.ffn_dim}}, config_.dim);
    layer.down = stack({{prefix + "ffn_down", config_.dim}}, config_.ffn_dim);
  }

  HostTensor require(const std::string& name, std::initializer_list<int64_t> shape) {
    auto tensor = weights_.find(name);
    if (!tensor)
      throw Error(ErrorCode::invalid_file, "{}: tensor {} is missing; architecture {} needs it", weights_.description(),
                  name, config_.architecture);
    if (!std::equal(tensor->shape.begin(), tensor->shape.end(), shape.begin(), shape.end()))
      throw Error(ErrorCode::invalid_file, "{}: tensor {} has shape {}, expected {}", weights_.description(), name,
                  shape_text(tensor->shape), shape_text({shape.begin(), shape.size()}));
    if (tensor->type == DType::i32)
      throw Error(ErrorCode::invalid_file, "{}: tensor {} holds integers, expected weights", weights_.description(),
                  name);
    used_.insert(name);
    return *std::move(tensor);
  }

  // Values made here rather than read: kept alive by the model, since a backend may alias them.
  Tensor derive(const std::string& name, std::vector<float> values, int64_t rows = 1) {
    auto& kept = *model_.derived.emplace_back(std::make_unique<std::vector<float>>(std::move(values)));
    HostTensor host;
    host.shape = {rows, static_cast<int64_t>(kept.size()) / rows};
    host.planes[0] = std::as_bytes(std::span(kept));
    const RowSegment all{&host, 0, rows};
    return backend_.upload(name, DType::f32, {&all, 1});
  }

  std::vector<float> decoded(const HostTensor& tensor) const {
    std::vector<float> values(static_cast<size_t>(tensor.cols()));
    if (!shapes_only_) decode_row(tensor, 0, values);
    return values;
  }

  Tensor vector(const std::string& name, int64_t n) {
    const HostTensor tensor = require(name, {n});
    const Tensor out = derive(name, decoded(tensor));
    finished(name, tensor, false);
    return out;
  }

  Tensor single(const std::string& name, int64_t rows, int64_t cols) {
    const HostTensor tensor = require(name, {rows, cols});
    const RowSegment all{&tensor, 0, rows};
    const Tensor out = backend_.upload(name, tensor.type, {&all, 1});
    finished(name, tensor, backend_.aliases_host(out));
    return out;
  }

  void add_segments(std::vector<RowSegment>& segments, const HostTensor& tensor, const StackPart& part) const {
    if (!part.interleaved) return segments.push_back({&tensor, 0, part.rows});
    for (int64_t r = 0; r < part.rows; ++r) segments.push_back({&tensor, interleaved_row(r, head_dim_, rope_dims_), 1});
  }

  // Stacks matrices of one width. Neighbours of one type become one part.
  Linear stack(std::initializer_list<StackPart> stacked, int64_t cols) {
    Linear linear;
    const std::vector<StackPart> parts(stacked);
    std::vector<HostTensor> tensors;
    for (const StackPart& part : parts) tensors.push_back(require(part.name + ".weight", {part.rows, cols}));
    for (size_t first = 0; first < parts.size();) {
      std::vector<RowSegment> segments;
      std::string name;
      size_t end = first;
      for (; end < parts.size() && tensors[end].type == tensors[first].type; ++end) {
        add_segments(segments, tensors[end], parts[end]);
        name += (name.empty() ? "" : "+") + parts[end].name;
      }
      const Tensor out = backend_.upload(name, tensors[first].type, segments);
      linear.parts[static_cast<size_t>(linear.n_parts++)] = out;
      for (; first < end; ++first) finished(parts[first].name + ".weight", tensors[first], backend_.aliases_host(out));
    }
    linear.bias = stack_biases(parts);
    return linear;
  }

  // All biases of a stack, zeros where a matrix has none; absent where none has.
  Tensor stack_biases(const std::vector<StackPart>& parts) {
    const bool any = std::any_of(parts.begin(), parts.end(),
                                 [&](const StackPart& p) { return weights_.find(p.name + ".bias").has_value(); });
    if (!any) return {};
    std::vector<float> stacked;
    for (const StackPart& part : parts) {
      std::vector<float> values(static_cast<size_t>(part.rows));
      if (weights_.find(part.name + ".bias")) values = decoded(require(part.name + ".bias", {part.rows}));
      for (int64_t r = 0; r < part.rows; ++r)
        stacked.push_back(
            values[static_cast<size_t>(part.interleaved ? interleaved_row(r, head_dim_, rope_dims_) : r)]);
    }
    return derive(parts.front().name + ".bias", std::move(stacked));
  }

  void finished(const std::string& name, const HostTensor& tensor, bool aliased) {
    if (shapes_only_) return;
    if (!aliased) weights_.release(name);
    done_bytes_ += tensor.size_bytes();
    if (progress_) progress_(done_bytes_, total_bytes_);
  }

  const ModelConfig& config_;
  const WeightSource& weights_;
  Backend& backend_;
  const bool shapes_only_;
  const LoadProgress& progress_;
  Model model_;
  int head_dim_ = 0, rope_dims_ = 0;  // of the layer being loaded
  std::set<std::string, std::less<>> used_;
  uint64_t done_bytes_ = 0, total_bytes_ = 0;
};

}  // namespace

Model load_shapes(const ModelConfig& config, const WeightSource& weights, Backend& backend) {
  return Loader(config, weights, backend, true, {}).load();
}

Model load_model(const ModelConfig& config, const WeightSource& weights, Backend& backend,
                 const LoadProgress& progress) {
  {
    ShapeCheck shapes;
    const Model model = load_shapes(config, weights, shapes);
    check_shapes(model, {1, 1, 1, 1}, shapes);
  }
  return Loader(config, weights, backend, false, progress).load();
}

std::vector<std::string> unused_tensors(const ModelConfig& config, const WeightSource& weights) {
  ShapeCheck shapes;
  const LoadProgress silent;
  Loader loader(config, weights, shapes, true, silent);
  loader.load();
  std::vector<std::string> unused;
  for (const std::string& name : weights.names())
    if (!loader.used().contains(name)) unused.push_back(name);
  return unused;
}

}  // namespace quandex
