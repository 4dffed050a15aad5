#include "engine/engine_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

constexpr int kMostContext = 1 << 24;

void require(std::string_view option, int64_t found, int64_t least, int64_t most) {
  if (found < least || found > most) {
    throw Error(ErrorCode::invalid_argument, "{}: {} is not between {} and {}", option, found, least, most);
  }
}

// The types that a cache can have whose heads are this wide; of any width where it is 0.
std::string kv_types_for(int head_dim) {
  std::string names;
  for (const DType type : kKvTypes)
    if (holds_kv(type, head_dim)) names += fmt::format("{}{}", names.empty() ? "" : ", ", format_of(type).name);
  return names;
}

void require_kv_type(DType type, const ModelConfig& config) {
  const Format& format = format_of(type);
  if (!holds_kv(type, 0))
    throw Error(ErrorCode::unsupported, "KV cache type {} is not supported; supported: {}", format.name,
                kv_types_for(0));
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    const int head_dim = config.layers[layer].attention.heads.head_dim;
    if (holds_kv(type, head_dim)) continue;
    throw Error(ErrorCode::unsupported,
                "KV cache type {}: layer {} has head_dim {}, which is no multiple of its blocks of {} values; possible "
                "for this model: {}",
                format.name, layer, head_dim, format.block_values, kv_types_for(head_dim));
  }
}

}  // namespace

int most_context(const ModelConfig& config) {
  return config.n_ctx_train > 0 ? std::min(config.n_ctx_train, kMostContext) : kMostContext;
}

EngineOptions resolve_options(EngineOptions options, const ModelConfig& config) {
  const int n_trained = most_context(config);
  if (options.n_ctx == 0) options.n_ctx = std::min(n_trained, kDefaultContext);
  require("context", options.n_ctx, 1, kMostContext);
  if (options.n_ctx > n_trained) {
    throw Error(ErrorCode::invalid_argument, "context: {} is more than the {} that the model was trained on",
                options.n_ctx, n_trained);
  }
  require("sequences at once", options.max_sequences, 1, kMostSequences);
  require("tokens in a step", options.token_budget, options.max_sequences, 1 << 16);
  require("ids that are sampled", options.n_sampled_ids, 0, config.vocab);
  if (!(options.max_step_ms >= 0 && std::isfinite(options.max_step_ms))) {
    throw Error(ErrorCode::invalid_argument, "longest step: {} ms is not 0 (no limit) or more", options.max_step_ms);
  }
  require_kv_type(options.kv_type, config);
  const int64_t n_wanted =
      options.n_kv_blocks != 0 ? options.n_kv_blocks : int64_t{options.max_sequences} * blocks_of(options.n_ctx);
  require("KV blocks", n_wanted, 1, kMostKvBlocks);
  options.n_kv_blocks = static_cast<int>(n_wanted);
  return options;
}

std::vector<KvGroupBlocks> kv_groups(const ModelConfig& config, const EngineOptions& options) {
  CHECK(!config.kv_group_windows.empty());
  std::vector<KvGroupBlocks> groups;
  for (const int window : config.kv_group_windows) {
    int64_t n_blocks = options.n_kv_blocks;
    if (window > 0) {  // what every sequence can hold at once: its window and the chunk being computed
      const int64_t n_positions = static_cast<int64_t>(window) + options.token_budget;
      n_blocks = std::min(n_blocks, options.max_sequences * (n_positions / kBlockSize + 2));
    }
    groups.push_back({window, static_cast<int>(n_blocks)});
  }
  return groups;
}

StepLimits step_limits(const EngineOptions& options) {
  // One row for each sequence, and some for one of them that wants those of all positions.
  const int n_rows = std::min(options.max_sequences - 1 + kMostLogitRowsWanted, options.token_budget);
  return {options.token_budget, options.max_sequences, n_rows, n_rows};
}

}  // namespace quandex
