// What a model and an engine over it will take of a backend's memory, exactly, before anything is loaded.
#pragma once

#include <cstdint>

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
};

// Reads no tensor data and takes no memory of the backend. Options need not be resolved.
MemoryPlan plan_memory(const ModelConfig& config, const WeightSource& weights, const EngineOptions& options,
                       const Backend& backend);

}  // namespace quandex
