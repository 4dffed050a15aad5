// What a model and an engine over it will take of a backend's memory, exactly, before anything is loaded, and what
// would fit into the memory that there is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "backend/backend.h"
#include "engine/engine_options.h"
#include "format/weight_source.h"

namespace quandex {

struct MemoryPlan {
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t scratch_bytes = 0;
  uint64_t step_bytes = 0;  // inputs of both slots
  uint64_t total_bytes() const { return weight_bytes + kv_bytes + scratch_bytes + step_bytes; }

  // Weights that are used where they lie in the mapped file. They are no memory of the backend: the system keeps them
  // in what is free, and reads them from the file again and again where that is too little.
  uint64_t mapped_bytes = 0;
  uint64_t wanted_bytes() const { return total_bytes() + mapped_bytes; }
};

// Plans for one model on one backend, all of which must outlive it. Reads no tensor data and takes no memory of the
// backend. Options need not be resolved; those that cannot be are refused as resolve_options() does.
class MemoryPlanner {
 public:
  MemoryPlanner(const ModelConfig& config, const WeightSource& weights, const Backend& backend);
  ~MemoryPlanner();

  MemoryPlan plan(const EngineOptions& options) const;

  // The largest context for the sequences at once of `options`, and the most sequences for its context, whose
  // wanted_bytes() are available; nothing where not even one of either fits. The blocks follow, whatever `options`
  // says.
  std::optional<int> largest_context(EngineOptions options, uint64_t available_bytes) const;
  std::optional<int> most_sequences(EngineOptions options, uint64_t available_bytes) const;

  // The largest context of which the K/V cache has room for one, whatever max_sequences is, and whose wanted_bytes()
  // are available; where the weights alone are more than that, whose total_bytes() are. Nothing where not even one
  // token fits.
  std::optional<int> largest_single_context(EngineOptions options, uint64_t available_bytes) const;

  // The most KV blocks up to max_sequences contexts whose wanted_bytes() are available, and at least one context's
  // where its total_bytes() are. Throws Error{out_of_memory} with the figures where even those are not.
  int most_kv_blocks(EngineOptions options, uint64_t available_bytes) const;

 private:
  class Shapes;

  const ModelConfig& config_;
  const Backend& backend_;
  std::unique_ptr<Shapes> shapes_;
};

MemoryPlan plan_memory(const ModelConfig& config, const WeightSource& weights, const EngineOptions& options,
                       const Backend& backend);

// As MemoryPlanner::most_kv_blocks().
int most_kv_blocks(const ModelConfig& config, const WeightSource& weights, const EngineOptions& options,
                   const Backend& backend, uint64_t available_bytes);

}  // namespace quandex
