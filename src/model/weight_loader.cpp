#include "model/weight_loader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace quandex {
namespace {

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void add_segments(std::vector<RowSegment>& segments, const HostTensor& tensor, const StackPart& part) {
  if (part.order.rope_dims == 0) return segments.push_back({&tensor, 0, part.rows});
  for (int64_t r = 0; r < part.rows; ++r) segments.push_back({&tensor, part.order.file_row(r), 1});
}

}  // namespace

int64_t RowOrder::file_row(int64_t row) const {
  if (rope_dims == 0) return row;
  const int64_t head = row / head_dim, within = row % head_dim;
  if (within >= rope_dims) return row;
  const int64_t half = rope_dims / 2;
  return head * head_dim + 2 * (within % half) + within / half;
}

WeightLoader::WeightLoader(const WeightSource& weights, std::string architecture, Backend& backend, Model& model,
                           bool shapes_only, const LoadProgress& progress, uint64_t total_bytes)
    : weights_(weights),
      architecture_(std::move(architecture)),
      backend_(backend),
      model_(model),
      shapes_only_(shapes_only),
      progress_(progress),
      total_bytes_(total_bytes) {}

HostTensor WeightLoader::require(const std::string& name, std::initializer_list<int64_t> shape) {
  auto tensor = weights_.find(name);
  if (!tensor)
    throw Error(ErrorCode::invalid_file, "{}: tensor {} is missing; architecture {} needs it", weights_.description(),
                weights_.name_in_file(name), architecture_);
  if (!std::equal(tensor->shape.begin(), tensor->shape.end(), shape.begin(), shape.end()))
    throw Error(ErrorCode::invalid_file, "{}: tensor {} has shape {}, expected {}", weights_.description(),
                weights_.name_in_file(name), shape_text(tensor->shape), shape_text({shape.begin(), shape.size()}));
  if (tensor->type == DType::i32)
    throw Error(ErrorCode::invalid_file, "{}: tensor {} holds integers, expected weights", weights_.description(),
                weights_.name_in_file(name));
  if (used_.insert(name).second) used_bytes_ += tensor->size_bytes();
  return *std::move(tensor);
}

Tensor WeightLoader::derive(const std::string& name, std::vector<float> values, int64_t rows) {
  auto& kept = *model_.derived.emplace_back(std::make_unique<std::vector<float>>(std::move(values)));
  HostTensor host;
  host.shape = {rows, static_cast<int64_t>(kept.size()) / rows};
  host.planes[0] = std::as_bytes(std::span(kept));
  const RowSegment all{&host, 0, rows};
  return backend_.upload(name, DType::f32, {&all, 1});
}

std::vector<float> WeightLoader::decoded(const HostTensor& tensor) const {
  std::vector<float> values(static_cast<size_t>(tensor.cols()));
  if (shapes_only_) return values;
  std::vector<std::byte> row(row_bytes(tensor.type, tensor.cols()));
  copy_row(tensor, 0, row);
  decode_row(tensor.type, row, values);
  return values;
}

Tensor WeightLoader::vector(const std::string& name, int64_t n, float offset) {
  const HostTensor tensor = require(name + ".weight", {n});
  std::vector<float> values = decoded(tensor);
  for (float& value : values) value += offset;
  const Tensor out = derive(name, std::move(values));
  finished(name + ".weight", tensor, false);
  return out;
}

Tensor WeightLoader::matrix(const std::string& name, int64_t rows, int64_t cols) {
  const HostTensor tensor = require(name + ".weight", {rows, cols});
  const RowSegment all{&tensor, 0, rows};
  const Tensor out = backend_.upload(name, tensor.type, {&all, 1});
  finished(name + ".weight", tensor, backend_.aliases_host(out));
  return out;
}

Linear WeightLoader::stack(std::span<const StackPart> parts, int64_t cols, bool must_have_bias) {
  Linear linear;
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
  linear.bias = stack_biases(parts, must_have_bias);
  return linear;
}

Tensor WeightLoader::stack_biases(std::span<const StackPart> parts, bool must_have) {
  const bool any = std::any_of(parts.begin(), parts.end(), [&](const StackPart& p) { return has(p.name + ".bias"); });
  if (!any && !must_have) return {};
  std::vector<float> stacked;
  for (const StackPart& part : parts) {
    std::vector<float> values(static_cast<size_t>(part.rows));
    if (must_have || has(part.name + ".bias")) values = decoded(require(part.name + ".bias", {part.rows}));
    for (int64_t r = 0; r < part.rows; ++r) stacked.push_back(values[static_cast<size_t>(part.order.file_row(r))]);
  }
  return derive(parts.front().name + ".bias", std::move(stacked));
}

Tensor WeightLoader::experts(const std::string& name, int n_experts, int64_t rows, int64_t cols) {
  std::vector<std::string> names;
  std::vector<HostTensor> tensors;
  // The stacked name is what newer files have; where there is neither, it is the one to report.
  const bool is_apart = has(name + ".0.weight") || has(name + ".1.weight");
  if (has(name + "_exps.weight") || !is_apart) {
    names = {name + "_exps.weight"};
    tensors.push_back(require(names[0], {n_experts, rows, cols}));
  } else {
    for (int e = 0; e < n_experts; ++e) {
      names.push_back(fmt::format("{}.{}.weight", name, e));
      tensors.push_back(require(names.back(), {rows, cols}));
      if (tensors.back().type != tensors.front().type)
        throw Error(ErrorCode::unsupported, "{}: {} is {} where {} is {}: experts of different types are not supported",
                    weights_.description(), weights_.name_in_file(names.back()), format_of(tensors.back().type).name,
                    weights_.name_in_file(names.front()), format_of(tensors.front().type).name);
    }
  }
  std::vector<RowSegment> segments;
  for (const HostTensor& tensor : tensors) segments.push_back({&tensor, 0, tensor.rows()});
  const Tensor out = backend_.upload(name, tensors.front().type, segments);
  for (size_t i = 0; i < names.size(); ++i) finished(names[i], tensors[i], backend_.aliases_host(out));
  return out;
}

void WeightLoader::finished(const std::string& name, const HostTensor& tensor, bool aliased) {
  if (shapes_only_) return;
  if (!aliased) weights_.release(name);
  done_bytes_ += tensor.size_bytes();
  if (progress_) progress_(done_bytes_, total_bytes_);
}

}  // namespace quandex
