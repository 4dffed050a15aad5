// The memory behind the block pools: keys and values of every layer, from one allocation made once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "engine/engine_options.h"

namespace quandex {

class KvCache {
 public:
  // Takes resolved options. Throws Error{out_of_memory} from the backend.
  KvCache(const ModelConfig& config, const EngineOptions& options, Backend& backend);

  std::span<const KvLayer> layers() const { return layers_; }  // one a layer of the model

  static uint64_t size_bytes(const ModelConfig& config, const EngineOptions& options);

 private:
  std::vector<KvLayer> layers_;
};

}  // namespace quandex
