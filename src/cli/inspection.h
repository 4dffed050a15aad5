// What there is to say of a model file before it is loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/checkpoint.h"
#include "model/load.h"

namespace quandex::cli {

struct InspectedTensor {
  std::string name;  // in the file
  std::string type;  // "q4_k", or the file's own word for types that are not supported
  std::vector<int64_t> shape;
  uint64_t size_bytes = 0;         // 0: unknown
  std::optional<uint64_t> offset;  // in a GGUF file, from the start of the tensor data
};

struct Inspection {
  std::vector<InspectedTensor> tensors;
  std::vector<std::pair<std::string, int>> types;  // by first appearance: name, tensors
  double n_values = 0;
  uint64_t tensor_bytes = 0;
  bool all_sizes_known = true;
  // What the loader makes of it, or why it cannot run it.
  std::optional<ModelConfig> config;
  UnusedTensors unused;
  ParameterCount parameters;
  std::vector<ConfigKey> keys;  // empty where it cannot run
  std::string reason;

  double bits_per_weight() const { return static_cast<double>(tensor_bytes) * 8 / n_values; }
};

// Reads headers only.
Inspection inspect_checkpoint(const Checkpoint& checkpoint);

}  // namespace quandex::cli
