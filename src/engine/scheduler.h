// Which tokens of which sequences the next step computes, and which KV blocks they use. A pure data structure: no
// clock, no device, no memory; the same calls give the same plans. There is no prefill phase and no decode phase: a
// sequence is assigned tokens until it has caught up with its length.
//
// Order of precedence is: higher priority, then earlier arrival. A plan serves running sequences that lack just one
// token first. At least half of what is left of the budget goes to the first in order that lacks more, the rest to
// those that lack least, so that a short prompt does not wait for a long one. Waiting sequences are admitted while
// there are places: of the highest priority preempted ones first, then those of the client that has been served least
// (ClientShares). A shorter one may pass the one whose turn it is a few times. One whose next block of the prompt is
// just being computed by another sequence waits for it instead of computing it too.
//
// When blocks run out the last running sequence in order gives all of its blocks up and waits to be computed again (its
// own tokens and the prefix index make that cheap); none is ever preempted for one behind it, so the first always
// advances.
//
// Step N+1 may be planned before step N has finished, provided that steps run in order and that step N-1 has: a token
// that is still being sampled counts as there (Sequence::n_pending). Blocks given back while a step is running may be
// planned anew at once for the same reason.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/block_pool.h"
#include "engine/client_shares.h"
#include "engine/sequence.h"

namespace quandex {

struct Assignment {
  Sequence* sequence = nullptr;
  int first = 0, n_tokens = 0;  // positions [first, first + n_tokens)
  int n_outputs = 0;            // rows at the end whose output is wanted
  uint32_t epoch = 0;           // of the sequence when planned
  bool samples = false;         // the next token is chosen from the last row
};

struct KvGroupBlocks {
  int window = 0;  // 0: full attention
  int n_blocks = 0;
};

struct SchedulerConfig {
  int block_size = 32;
  int max_sequences = 1;  // running at once
  int n_ctx = 0;          // K/V positions of a sequence at most
  int max_rows = 0;       // whose output is wanted in a step at most, max_sequences or more; 0: any number
  bool reuse_prefixes = true;
  bool explain_cache = false;  // Sequence::cache_break
  std::vector<KvGroupBlocks> groups;
};

struct SchedulerCounters {
  uint64_t n_prompt_tokens = 0, n_cached_tokens = 0;  // of sequences when they begin to run
  uint64_t n_prefix_queries = 0, n_prefix_hits = 0;   // sequences that may reuse K/V, and those that did
  uint64_t n_preemptions = 0;
};

// What the next plan would have to do.
struct SchedulerLoad {
  int n_decoding = 0;             // running sequences that lack one token
  int64_t n_decoding_length = 0;  // of them together
  bool has_prefill = false;       // of others, running or waiting
  int farthest_prefill = 0;       // the largest position that a prefill could begin at
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerConfig config);

  // Throws Error{invalid_argument} with the numbers for a sequence that can never fit: of so many tokens now and of
  // max_length at most. Reads nothing that changes, so any thread may call it.
  void check_fits(int n_tokens, int max_length) const;

  // Queues a sequence and reserves all that it will ever append to. Throws as check_fits does. The sequence must stay
  // where it is until it has been cancelled and every step that it was planned in has finished.
  void add(Sequence& sequence);

  // Takes a sequence out, finished or not: its blocks are free at once, assignments that name it are void.
  void cancel(Sequence& sequence);

  SchedulerLoad load() const;

  // At most token_budget tokens. Valid until the next call.
  std::span<const Assignment> plan(int token_budget);

  // To be called for each plan in order, when its step has finished; then sampled tokens are appended by the owner.
  void finish_step(std::span<const Assignment> done);

  // Nothing that is cached will be reused, nor what running sequences hold by others.
  void forget_prefixes();

  bool has_work() const { return !running_.empty() || !waiting_.empty(); }
  int n_running() const { return static_cast<int>(running_.size()); }
  int n_waiting() const { return static_cast<int>(waiting_.size()); }
  const SchedulerCounters& counters() const { return counters_; }
  int n_groups() const { return static_cast<int>(pools_.size()); }
  const BlockPool& pool(int group) const { return pools_[static_cast<size_t>(group)]; }
  const SchedulerConfig& config() const { return config_; }

  // Blocks that sequences of `length` K/V positions need at once at most, in a group with this window.
  static int blocks_needed(int length, int window, int block_size);

  // The first broken invariant in words, or nothing. For tests and idle moments.
  std::optional<std::string> check_integrity() const;

 private:
  int n_missing(const Sequence& s) const;
  int fit(const Sequence& s, int n_tokens) const;
  int n_outputs(const Sequence& s, int first, int end) const;
  int fit_rows(const Sequence& s, int n_tokens) const;
  int held_blocks(const Sequence& s, size_t group) const;
  bool has_room_for(const Sequence& s) const;
  void assign(Sequence& s, int n_tokens);
  int assign_or_preempt(Sequence& s, int n_tokens);
  void take_back(Sequence& s);
  void preempt(Sequence& s);
  static bool precedes(const Sequence* a, const Sequence* b);
  int n_grantable(const Sequence& s) const;
  int plan_decoding(int budget);
  void grant_prefill(int budget);
  int grant(Sequence& s, int budget);
  Sequence* first_prefill() const;
  Sequence* shortest_prefill() const;
  int n_to_compute(const Sequence& s) const;
  bool is_admitted_before(const Sequence& a, const Sequence& b) const;
  Sequence* first_waiting(int most_to_compute);
  struct Choice {
    Sequence* sequence = nullptr;
    Sequence* passed = nullptr;  // whose turn it would have been
  };
  Choice choose_waiting(int budget);
  bool can_admit() const;
  bool admit(const Choice& choice);
  void find_known_blocks(Sequence& s);
  bool is_under_way(Sequence& s);
  std::optional<CacheBreak> find_cache_break(Sequence& s) const;
  void note_first_admission(Sequence& s);
  void release_behind_window(Sequence& s);
  void release_all(Sequence& s);
  void acquire_prefix(Sequence& s);
  int longest_prefix(Sequence& s);
  int longest_tail(const Sequence& s, int n_blocks) const;
  int first_visible_block(size_t group, int position) const;
  void extend_hashes(Sequence& s, int n_blocks) const;
  uint64_t parent_hash(const Sequence& s, int block) const;
  std::span<const int32_t> block_tokens(const Sequence& s, int block) const;
  void index_blocks(Sequence& s);
  void offer_tail(const Sequence& s);

  SchedulerConfig config_;
  std::vector<BlockPool> pools_;  // one a group
  ClientShares clients_;
  std::vector<Sequence*> running_;  // in order of precedence
  std::vector<Sequence*> waiting_;  // in no order that matters
  std::vector<Assignment> assignments_;
  uint64_t n_arrived_ = 0, n_plans_ = 0;
  SchedulerCounters counters_;
  int n_rows_left_ = 0;  // this and the next are of the plan being made
  bool is_admission_closed_ = false;
};

}  // namespace quandex
