#include "cli/inspection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "format/dtype.h"

namespace quandex::cli {
namespace {

std::vector<InspectedTensor> gguf_tensors(const GgufFile& file) {
  std::vector<InspectedTensor> tensors;
  for (const GgufTensor& tensor : file.header().tensors) {
    const auto type = gguf_type_name(tensor.gguf_type);
    tensors.push_back({tensor.name, type ? std::string(*type) : fmt::format("type {}", tensor.gguf_type), tensor.shape,
                       tensor.size_bytes, tensor.offset});
  }
  return tensors;
}

std::vector<InspectedTensor> named_tensors(const WeightSource& weights) {
  std::vector<InspectedTensor> tensors;
  for (const std::string& name : weights.names()) {
    InspectedTensor row{weights.name_in_file(name), "unsupported", {}, 0, std::nullopt};
    try {
      if (const auto tensor = weights.find(name)) {
        row.type = format_of(tensor->type).name;
        row.shape = tensor->shape;
        row.size_bytes = tensor->size_bytes();
      }
    } catch (const Error&) {  // a type that no format here has: the verdict says why
    }
    tensors.push_back(std::move(row));
  }
  return tensors;
}

void add_up(Inspection& all) {
  for (const InspectedTensor& tensor : all.tensors) {
    double n = 1;
    for (const int64_t extent : tensor.shape) n *= static_cast<double>(extent);
    all.n_values += n;
    all.tensor_bytes += tensor.size_bytes;
    all.all_sizes_known = all.all_sizes_known && tensor.size_bytes > 0;
    const auto found =
        std::find_if(all.types.begin(), all.types.end(), [&](auto& t) { return t.first == tensor.type; });
    if (found == all.types.end())
      all.types.emplace_back(tensor.type, 1);
    else
      ++found->second;
  }
}

}  // namespace

Inspection inspect_checkpoint(const Checkpoint& checkpoint) {
  Inspection all;
  all.tensors = checkpoint.gguf() ? gguf_tensors(*checkpoint.gguf()) : named_tensors(checkpoint.weights());
  add_up(all);
  try {
    const ModelConfig config = checkpoint.read_config();
    all.keys = checkpoint.config_keys();
    all.unused = unused_tensors(config, checkpoint.weights());
    all.parameters = count_parameters(config, checkpoint.weights());
    all.config = config;
  } catch (const Error& error) {
    all.reason = error.what();
  }
  return all;
}

}  // namespace quandex::cli
