// How large an engine is: everything that its memory depends on besides the model.
#pragma once

#include <vector>

#include "engine/scheduler.h"
#include "format/dtype.h"
#include "model/config.h"
#include "model/model.h"

namespace quandex {

inline constexpr int kBlockSize = 32;            // tokens in a KV block
inline constexpr int kDefaultContext = 4096;     // at most, where the user names none
inline constexpr int kMostKvBlocks = 1 << 24;    // of a group
inline constexpr int kMostSequences = 4096;      // at once
inline constexpr int kMostLogitRowsWanted = 16;  // rows of logits made at once where every position's are wanted

struct EngineOptions {
  int n_ctx = 0;           // K/V positions of a sequence; 0: what the model was trained on, at most kDefaultContext
  int max_sequences = 1;   // computed at once; others wait
  int token_budget = 256;  // tokens in a step at most: the size of prefill chunks
  DType kv_type = DType::f16;
  int n_kv_blocks = 0;  // blocks for full attention; 0: max_sequences contexts
  bool reuse_prefixes = true;
  double max_step_ms = 0;      // prompts are computed in chunks with which steps take no longer; 0: of any length
  int n_sampled_ids = 0;       // ids at or above it are never sampled and have no probability; 0: all are
  bool explain_cache = false;  // Finished::cache_break
};

// Fills in the defaults. Throws Error{invalid_argument} that names the option, what was found and what is possible.
EngineOptions resolve_options(EngineOptions options, const ModelConfig& config);

// The longest context that may be asked for, and the blocks that one of a length takes.
int most_context(const ModelConfig& config);
inline int blocks_of(int n_ctx) { return (n_ctx + kBlockSize - 1) / kBlockSize; }

// All below take resolved options.
std::vector<KvGroupBlocks> kv_groups(const ModelConfig& config, const EngineOptions& options);
StepLimits step_limits(const EngineOptions& options);

}  // namespace quandex
