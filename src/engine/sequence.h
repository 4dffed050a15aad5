// One sequence of tokens on its way through the model: what the owner sets, and how far the scheduler has brought it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/tensor.h"

namespace quandex {

// What a sequence wants of the forward pass, in the order in which a step lists the rows.
enum class Output : uint8_t {
  device_sample,  // the next token, chosen by the recorded `sample`; step N+1 may be planned while N runs
  host_sample,    // the next token, chosen by the host from the logits: planned only once the last one is known
  all_logits,     // logits of every position
  hidden,         // hidden rows of every position
};

enum class SequenceState : uint8_t { idle, waiting, running };

// An entry of a block list that has been given back because no later token can see it.
inline constexpr int32_t kNoBlock = -1;

// The token of a prompt at which the reuse of cached K/V ended: the first one that the cache does not hold behind the
// same tokens, and what it has there instead, if anything. Whole blocks before it were reused, and a last part where
// nobody else held it.
struct CacheBreak {
  int position = 0;
  int32_t token = 0;
  std::optional<int32_t> cached;
  friend bool operator==(const CacheBreak&, const CacheBreak&) = default;
};

struct Sequence {
  // Set by the owner before Scheduler::add; then only `tokens` changes, by appending what was sampled.
  std::vector<int32_t> tokens;  // prompt, then output
  int max_length = 0;           // tokens at most, prompt included; K/V of the last output is never made
  Output output = Output::device_sample;
  int rope_variant = 0;            // of the longest that the sequence may become
  uint64_t salt = 0;               // of the prefix hashes: model, adapter, rope variant, KV type
  int owner = 0;                   // whatever the owner likes
  int priority = 0;                // higher first
  uint64_t client = 0;             // on whose share it counts
  bool reuse_prefix = true;        // false: every position is computed, whatever is cached
  bool wants_prompt_rows = false;  // logits of the prompt's positions too, each once; of sequences that sample

  // Kept by the scheduler.
  SequenceState state = SequenceState::idle;
  uint64_t arrival = 0;
  int n_prompt = 0;
  int n_computed = 0, n_scheduled = 0;    // K/V exists for [0, n_computed), is being made for [n_computed, n_scheduled)
  int n_pending = 0;                      // tokens being sampled by steps that have not finished
  int n_cached = 0;                       // prompt tokens found in the prefix index at the first admission
  std::optional<CacheBreak> cache_break;  // at the first admission, where it is to be explained
  int n_rows_done = 0;                    // positions of the prompt whose logits were computed, where wanted
  int n_preempted = 0;
  int n_indexed = 0;       // full blocks looked at for the prefix index
  int share = 0;           // the client's slot
  int n_granted = 0;       // prefill tokens, in the plan being made
  int n_known_blocks = 0;  // of a waiting one: full blocks that were found in the prefix index
  int n_passed = 0;        // waiting ones that came later and were admitted before it, being shorter
  int n_deferred = 0;      // plans in which it waited for another sequence that computes what it needs
  uint64_t seen_in_plan = 0, deferred_in_plan = 0;
  uint32_t epoch = 0;        // grows when the K/V is given up: assignments of older epochs are void
  bool is_assigned = false;  // in the plan being made
  std::array<std::vector<int32_t>, kMaxKvGroups> blocks;  // in order of position; kNoBlock behind the window
  std::vector<uint64_t> hashes;                           // chained, of full blocks, as far as they were asked for

  // Kept by the step: the row of the last `sample` that holds this sequence's newest token.
  int sample_row = 0;

  // The length once all that is being sampled is known.
  int length() const { return static_cast<int>(tokens.size()) + n_pending; }
  bool samples() const { return output == Output::device_sample || output == Output::host_sample; }
};

}  // namespace quandex
