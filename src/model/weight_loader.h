// Tensors of a file to weights on a backend: checks names, types and shapes, stacks matrices of one width, un-permutes
// rows, and gives the file's pages back once their bytes are elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "format/weight_source.h"
#include "model/load.h"
#include "model/model.h"

namespace quandex {

// Rows ordered for pairwise RoPE: canonical row (p * rope_dims / 2 + i) of a head is the file's row (2 i + p).
struct RowOrder {
  int head_dim = 0, rope_dims = 0;  // 0: rows are as the file has them

  int64_t file_row(int64_t row) const;
};

// One matrix of a stack: its name without suffix, its height, the order of its rows.
struct StackPart {
  std::string name;
  int64_t rows;
  RowOrder order = {};
};

class WeightLoader {
 public:
  // `shapes_only`: no tensor data is read. Derived values go to `model`.
  WeightLoader(const WeightSource& weights, std::string architecture, Backend& backend, Model& model, bool shapes_only,
               const LoadProgress& progress, uint64_t total_bytes);

  bool has(const std::string& name) const { return weights_.find(name).has_value(); }

  // Values made here rather than read, [rows, n / rows]: kept alive by the model, since a backend may alias them.
  Tensor derive(const std::string& name, std::vector<float> values, int64_t rows = 1);
  // NAME.weight [n] as float32, `offset` added to every value.
  Tensor vector(const std::string& name, int64_t n, float offset = 0);
  Tensor matrix(const std::string& name, int64_t rows, int64_t cols);
  // Stacks matrices of one width. Neighbours of one type become one part. All biases of the stack, zeros where a matrix
  // has none; absent where none has, unless they are `must_have_bias`.
  Linear stack(std::span<const StackPart> parts, int64_t cols, bool must_have_bias = false);
  // One matrix of each expert: NAME_exps.weight [n_experts, rows, cols], or NAME.0.weight, NAME.1.weight, …
  // [rows, cols] each.
  Tensor experts(const std::string& name, int n_experts, int64_t rows, int64_t cols);
  void mark_used(const std::string& name) { used_.insert(name); }

  const std::set<std::string, std::less<>>& used() const { return used_; }
  uint64_t used_bytes() const { return used_bytes_; }

 private:
  HostTensor require(const std::string& name, std::initializer_list<int64_t> shape);
  std::vector<float> decoded(const HostTensor& tensor) const;
  Tensor stack_biases(std::span<const StackPart> parts, bool must_have);
  void finished(const std::string& name, const HostTensor& tensor, bool aliased);

  const WeightSource& weights_;
  const std::string architecture_;
  Backend& backend_;
  Model& model_;
  const bool shapes_only_;
  const LoadProgress& progress_;
  const uint64_t total_bytes_;
  uint64_t done_bytes_ = 0, used_bytes_ = 0;
  std::set<std::string, std::less<>> used_;
};

}  // namespace quandex
