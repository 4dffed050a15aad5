// From a file's metadata and tensors to a model on a backend. Canonicalises on the way: un-permutes Q/K rows, stacks
// q|k|v, gate|up and experts, ties heads, folds norms, computes RoPE tables. Nothing is uploaded before the shape check
// has passed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "format/gguf.h"
#include "format/weight_source.h"
#include "model/model.h"

namespace quandex {

// Reads the configuration; `read_keys`, where given, receives the keys that were looked at. Throws Error{unsupported}
// for an unknown architecture (naming the nearest), and Error{invalid_file} for missing, absurd or contradictory
// values.
ModelConfig read_config(const Metadata& metadata, const WeightSource& weights,
                        std::set<std::string, std::less<>>* read_keys = nullptr);

// Called after each tensor with bytes uploaded so far and in total.
using LoadProgress = std::function<void(uint64_t done_bytes, uint64_t total_bytes)>;

// Throws Error naming the tensor, what was found and what was expected.
Model load_model(const ModelConfig& config, const WeightSource& weights, Backend& backend,
                 const LoadProgress& progress = {});

// Tensors in the file that the architecture has no use for; harmless ones are stored results that every engine computes
// for itself, such as inverse frequencies.
struct UnusedTensors {
  std::vector<std::string> unexplained, harmless;
};
UnusedTensors unused_tensors(const ModelConfig& config, const WeightSource& weights);

// Values in all tensors that the model uses, and in those that one token's step reads (chosen experts only).
struct ParameterCount {
  int64_t total = 0, active = 0;
};
ParameterCount count_parameters(const ModelConfig& config, const WeightSource& weights);

// Runs the forward pass on shapes alone: finds every shape error and the bytes of scratch that `limits` needs.
// Allocates the scratch on `backend`.
Scratch allocate_scratch(const Model& model, const StepLimits& limits, Backend& backend);

// What one step reads, writes and computes, from the cost backend. Lengths are K/V positions per sequence.
struct StepCost {
  double weight_bytes = 0;  // weights read once per step, as stored in the file
  double kv_bytes = 0;      // K/V cache read and written
  double activation_bytes = 0;
  double flops = 0;  // multiply and add counted apart
};
StepCost step_cost(const ModelConfig& config, const WeightSource& weights, int n_sequences, int tokens_per_sequence,
                   int length, DType kv_type);

}  // namespace quandex
