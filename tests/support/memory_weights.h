// A weight source in memory, for tests: tensors are added one by one and may be changed or removed to make a file bad.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "format/metadata.h"
#include "format/weight_source.h"

namespace quandex {

class MemoryWeights final : public WeightSource {
 public:
  // Values are encoded row by row in the given type.
  void add(const std::string& name, std::vector<int64_t> shape, std::span<const float> values,
           DType type = DType::f32) {
    Entry entry;
    entry.tensor.type = type;
    entry.tensor.shape = std::move(shape);
    const auto cols = static_cast<size_t>(entry.tensor.cols());
    const size_t bytes = row_bytes(type, entry.tensor.cols());
    const auto rows = static_cast<size_t>(entry.tensor.rows());
    entry.planes = std::make_unique<std::array<std::vector<std::byte>, 3>>();
    std::vector<std::byte> row(bytes);
    for (size_t r = 0; r < rows; ++r) {
      encode_row(type, values.subspan(r * cols, cols), row);
      append_to_planes(type, row, *entry.planes);
    }
    for (size_t p = 0; p < entry.planes->size(); ++p) entry.tensor.planes[p] = (*entry.planes)[p];
    if (!entries_.contains(name)) names_.push_back(name);
    entries_[name] = std::move(entry);
  }
  void add_random(const std::string& name, std::vector<int64_t> shape, float spread, float mean = 0,
                  DType type = DType::f32) {
    size_t n = 1;
    for (const int64_t d : shape) n *= static_cast<size_t>(d);
    std::vector<float> values(n);
    std::normal_distribution<float> normal(mean, spread);
    for (float& value : values) value = normal(random_);
    add(name, std::move(shape), values, type);
  }
  void remove(const std::string& name) {
    entries_.erase(name);
    std::erase(names_, name);
  }

  std::span<const std::string> names() const override { return names_; }
  std::optional<HostTensor> find(std::string_view name) const override {
    const auto found = entries_.find(name);
    return found == entries_.end() ? std::nullopt : std::optional(found->second.tensor);
  }
  std::string_view description() const override { return "test weights"; }
  void release(std::string_view) const override {}

 private:
  struct Entry {
    HostTensor tensor;
    std::unique_ptr<std::array<std::vector<std::byte>, 3>> planes;
  };
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> names_;
  std::mt19937 random_{42};
};

// A tiny checkpoint of an architecture with GGUF names: metadata and seeded weights.
struct TinyCheckpoint {
  Metadata metadata{"tiny"};
  MemoryWeights weights;
};

inline std::unique_ptr<TinyCheckpoint> make_tiny_checkpoint(const std::string& architecture, DType type = DType::f32) {
  constexpr int kDim = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 32, kFfn = 96, kVocab = 97, kLayers = 2;
  auto tiny = std::make_unique<TinyCheckpoint>();
  Metadata& m = tiny->metadata;
  m.set_string("general.architecture", architecture);
  m.set_u32(architecture + ".block_count", kLayers);
  m.set_u32(architecture + ".context_length", 512);
  m.set_u32(architecture + ".embedding_length", kDim);
  m.set_u32(architecture + ".feed_forward_length", kFfn);
  m.set_u32(architecture + ".attention.head_count", kHeads);
  m.set_u32(architecture + ".attention.head_count_kv", kKvHeads);
  m.set_u32(architecture + ".attention.key_length", kHeadDim);
  m.set_u32(architecture + ".attention.value_length", kHeadDim);
  m.set_f32(architecture + ".attention.layer_norm_rms_epsilon", 1e-5f);
  m.set_f32(architecture + ".rope.freq_base", 10000.0f);
  MemoryWeights& w = tiny->weights;
  const auto matrix = [&](const std::string& name, int64_t rows, int64_t cols) {
    w.add_random(name + ".weight", {rows, cols}, 2.0f / std::sqrt(static_cast<float>(cols)), 0, type);
  };
  const auto norm = [&](const std::string& name, int64_t n) { w.add_random(name + ".weight", {n}, 0.2f, 1.0f); };
  matrix("token_embd", kVocab, kDim);
  norm("output_norm", kDim);
  matrix("output", kVocab, kDim);
  for (int i = 0; i < kLayers; ++i) {
    const std::string p = "blk." + std::to_string(i) + ".";
    norm(p + "attn_norm", kDim);
    norm(p + "ffn_norm", kDim);
    matrix(p + "attn_q", kHeads * kHeadDim, kDim);
    matrix(p + "attn_k", kKvHeads * kHeadDim, kDim);
    matrix(p + "attn_v", kKvHeads * kHeadDim, kDim);
    matrix(p + "attn_output", kDim, kHeads * kHeadDim);
    matrix(p + "ffn_gate", kFfn, kDim);
    matrix(p + "ffn_up", kFfn, kDim);
    matrix(p + "ffn_down", kDim, kFfn);
    if (architecture == "qwen3") {
      norm(p + "attn_q_norm", kHeadDim);
      norm(p + "attn_k_norm", kHeadDim);
    }
  }
  return tiny;
}

}  // namespace quandex
