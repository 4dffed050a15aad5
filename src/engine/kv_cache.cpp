#include "engine/kv_cache.h"

#include <limits>
#include <numeric>

#include "base/error.h"

namespace quandex {
namespace {

// Slots of one layer's keys, or of its values.
int64_t layer_rows(const LayerConfig& layer, std::span<const KvGroupBlocks> groups) {
  return static_cast<int64_t>(groups[static_cast<size_t>(layer.kv_group)].n_blocks) * kBlockSize;
}

}  // namespace

uint64_t KvCache::size_bytes(const ModelConfig& config, const EngineOptions& options) {
  const std::vector<KvGroupBlocks> groups = kv_groups(config, options);
  uint64_t total = 0;
  for (const LayerConfig& layer : config.layers) {
    const auto rows = static_cast<uint64_t>(layer_rows(layer, groups));
    total += 2 * rows * row_bytes(options.kv_type, layer.attention.heads.kv_cols());
  }
  return total;
}

KvCache::KvCache(const ModelConfig& config, const EngineOptions& options, Backend& backend) {
  const std::vector<KvGroupBlocks> groups = kv_groups(config, options);
  // Layers may differ in width: the one matrix that holds them all is as wide as their greatest common divisor, for a
  // block of tokens, since it must not have more rows than can be counted.
  int width = 0;
  int64_t n_values = 0;
  for (const LayerConfig& layer : config.layers) {
    const int cols = layer.attention.heads.kv_cols();
    width = std::gcd(width, cols);
    n_values += 2 * layer_rows(layer, groups) * cols;
  }
  width *= kBlockSize;
  const int64_t n_rows = n_values / width;
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  if (n_rows > kMost || layer_rows(config.layers.front(), groups) > kMost) {
    throw Error(ErrorCode::out_of_memory, "KV cache of {} blocks of {} tokens: {} bytes are more than can be addressed",
                options.n_kv_blocks, kBlockSize, size_bytes(config, options));
  }
  Tensor rest = backend.allocate(options.kv_type, static_cast<int>(n_rows), width);
  for (const LayerConfig& layer : config.layers) {
    const int cols = layer.attention.heads.kv_cols();
    const auto next = [&] {
      const Tensor t = with_shape(rest, static_cast<int>(layer_rows(layer, groups)), cols);
      rest.offset += static_cast<size_t>(t.rows) * row_bytes(t.type, cols);
      return t;
    };
    const Tensor keys = next(), values = next();
    layers_.push_back({keys, values, kBlockSize});
  }
}

}  // namespace quandex
