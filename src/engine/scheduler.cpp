#include "engine/scheduler.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

// To a client's share a token of the prompt that has to be computed counts 1.
constexpr double kOutputCost = 2;

int divide_up(int a, int b) { return (a + b - 1) / b; }

}  // namespace

int Scheduler::blocks_needed(int length, int window, int block_size) {
  const int all = divide_up(length, block_size);
  // As many blocks as `window` positions in a row can touch.
  return window > 0 ? std::min(all, (window + block_size - 2) / block_size + 1) : all;
}

Scheduler::Scheduler(SchedulerConfig config) : config_(std::move(config)) {
  CHECK(!config_.groups.empty() && config_.groups.size() <= static_cast<size_t>(kMaxKvGroups));
  CHECK(config_.max_sequences > 0 && config_.n_ctx > 0);
  for (const KvGroupBlocks& group : config_.groups) pools_.emplace_back(group.n_blocks, config_.block_size);
  running_.reserve(static_cast<size_t>(config_.max_sequences));
  assignments_.reserve(static_cast<size_t>(config_.max_sequences));
}

void Scheduler::check_fits(int n_tokens, int max_length) const {
  const int n_positions = std::max(n_tokens, max_length - 1);
  if (n_positions > config_.n_ctx) {
    throw Error(ErrorCode::invalid_argument, "a sequence of {} tokens does not fit the context of {}", n_positions,
                config_.n_ctx);
  }
  for (const KvGroupBlocks& group : config_.groups) {
    const int needed = blocks_needed(n_positions, group.window, config_.block_size);
    if (needed > group.n_blocks) {
      throw Error(ErrorCode::invalid_argument,
                  "a sequence of {} tokens needs {} KV blocks of {} tokens, the cache has {}", n_positions, needed,
                  config_.block_size, group.n_blocks);
    }
  }
}

void Scheduler::add(Sequence& s) {
  CHECK(s.state == SequenceState::idle && !s.tokens.empty());
  s.n_prompt = static_cast<int>(s.tokens.size());
  check_fits(s.n_prompt, s.max_length);
  const int n_positions = std::max(s.n_prompt, s.max_length - 1);
  const auto n_blocks = static_cast<size_t>(divide_up(n_positions, config_.block_size));
  for (size_t g = 0; g < pools_.size(); ++g) {
    s.blocks[g].clear();
    s.blocks[g].reserve(n_blocks);
  }
  s.hashes.clear();
  s.hashes.reserve(n_blocks);
  s.tokens.reserve(static_cast<size_t>(std::max(s.n_prompt, s.max_length)));
  const size_t n_sequences = waiting_.size() + running_.size() + 1;  // room for all: preempting allocates nothing
  if (waiting_.capacity() < n_sequences) waiting_.reserve(2 * n_sequences);
  s.n_computed = s.n_scheduled = s.n_pending = s.n_cached = s.n_preempted = s.n_indexed = s.n_rows_done = 0;
  s.n_passed = s.n_deferred = s.n_known_blocks = 0;
  s.seen_in_plan = s.deferred_in_plan = 0;
  s.cache_break.reset();
  s.share = clients_.join(s.client);  // the last that may throw: until here nothing has changed
  s.arrival = ++n_arrived_;
  s.state = SequenceState::waiting;
  waiting_.push_back(&s);
}

void Scheduler::cancel(Sequence& s) {
  if (s.state == SequenceState::idle) return;
  std::erase(s.state == SequenceState::running ? running_ : waiting_, &s);
  release_all(s);
  clients_.leave(s.share);
  s.n_pending = 0;
  s.state = SequenceState::idle;
}

// Tokens that could be assigned now.
int Scheduler::n_missing(const Sequence& s) const {
  const int length = s.length();
  if (length > s.n_prompt && length >= s.max_length) return 0;
  if (s.output != Output::device_sample && s.n_pending > 0) return 0;
  return length - s.n_scheduled;
}

bool Scheduler::precedes(const Sequence* a, const Sequence* b) {
  return a->priority != b->priority ? a->priority > b->priority : a->arrival < b->arrival;
}

SchedulerLoad Scheduler::load() const {
  SchedulerLoad load;
  for (const Sequence* s : running_) {
    const int n = n_missing(*s);
    if (n == 1) {
      ++load.n_decoding;
      load.n_decoding_length += s->length();
    } else if (n > 1) {
      load.has_prefill = true;
      load.farthest_prefill = std::max(load.farthest_prefill, s->n_scheduled);
    }
  }
  if (n_running() == config_.max_sequences) return load;
  for (const Sequence* s : waiting_) {  // how much of its prefix is cached shows when it is admitted
    load.has_prefill = true;
    load.farthest_prefill = std::max(load.farthest_prefill, s->length() - 1);
  }
  return load;
}

std::span<const Assignment> Scheduler::plan(int token_budget) {
  assignments_.clear();
  ++n_plans_;
  is_admission_closed_ = false;
  n_rows_left_ = config_.max_rows > 0 ? config_.max_rows : std::numeric_limits<int>::max();
  for (Sequence* s : running_) {
    s->is_assigned = false;
    s->n_granted = 0;
    release_behind_window(*s);
  }
  grant_prefill(token_budget - plan_decoding(token_budget));
  for (size_t i = 0; i < running_.size(); ++i) {  // preempting shortens the list behind i
    if (running_[i]->n_granted > 0) assign_or_preempt(*running_[i], running_[i]->n_granted);
  }
  return assignments_;
}

int Scheduler::plan_decoding(int budget) {
  int n_assigned = 0;
  for (size_t i = 0; i < running_.size() && n_assigned < budget; ++i) {
    if (n_missing(*running_[i]) == 1) n_assigned += assign_or_preempt(*running_[i], 1);
  }
  return n_assigned;
}

int Scheduler::assign_or_preempt(Sequence& s, int n_tokens) {
  while (true) {
    const int n = fit(s, n_tokens);
    if (n > 0) {
      const int n_fit = fit_rows(s, n);
      assign(s, n_fit);
      return n_fit;
    }
    is_admission_closed_ = true;
    if (running_.back() == &s) return 0;
    preempt(*running_.back());
  }
}

int Scheduler::held_blocks(const Sequence& s, size_t group) const {
  return static_cast<int>(s.blocks[group].size()) - first_visible_block(group, s.n_scheduled);
}

// How many of the sequence's next n_tokens the available blocks can take.
int Scheduler::fit(const Sequence& s, int n_tokens) const {
  for (size_t g = 0; g < pools_.size(); ++g) {
    const int64_t n_blocks = static_cast<int64_t>(s.blocks[g].size()) + pools_[g].n_available();
    n_tokens = static_cast<int>(std::min<int64_t>(n_tokens, n_blocks * config_.block_size - s.n_scheduled));
  }
  return n_tokens;
}

// Rows wanted of positions [first, end), all at the end.
int Scheduler::n_outputs(const Sequence& s, int first, int end) const {
  if (!s.samples()) return end - first;
  const int n_sampled = end == s.length() ? 1 : 0;
  if (!s.wants_prompt_rows || end > s.n_prompt) return n_sampled;
  return std::max(n_sampled, end - std::max(first, s.n_rows_done));
}

// How many of the next n_tokens can be computed with the rows that are left, a row kept for each sequence that is still
// to be assigned: all that this step may compute are running by now.
int Scheduler::fit_rows(const Sequence& s, int n_tokens) const {
  const int n_others = n_running() - 1 - static_cast<int>(assignments_.size());
  const int n_rows = std::max(1, n_rows_left_ - n_others);
  const int n_wanted = n_outputs(s, s.n_scheduled, s.n_scheduled + n_tokens);
  return n_wanted <= n_rows ? n_tokens : n_tokens - (n_wanted - n_rows);
}

void Scheduler::assign(Sequence& s, int n_tokens) {
  const int end = s.n_scheduled + n_tokens;
  for (size_t g = 0; g < pools_.size(); ++g) {
    while (static_cast<int>(s.blocks[g].size()) * config_.block_size < end) {
      const std::optional<int32_t> block = pools_[g].take();
      CHECK(block);
      s.blocks[g].push_back(*block);
    }
  }
  const bool samples = s.samples() && end == s.length();
  const int n_rows = n_outputs(s, s.n_scheduled, end);
  n_rows_left_ -= n_rows;
  assignments_.push_back({&s, s.n_scheduled, n_tokens, n_rows, s.epoch, samples});
  s.n_scheduled = end;
  s.is_assigned = true;
  if (samples) ++s.n_pending;
}

// The sequence's part of the plan being made is void.
void Scheduler::take_back(Sequence& s) {
  const auto found = std::ranges::find(assignments_, &s, &Assignment::sequence);
  CHECK(found != assignments_.end());
  if (found->samples) --s.n_pending;
  n_rows_left_ += found->n_outputs;
  assignments_.erase(found);
}

void Scheduler::preempt(Sequence& s) {
  if (s.is_assigned) take_back(s);
  std::erase(running_, &s);
  release_all(s);
  s.is_assigned = false;
  ++s.n_preempted;
  ++counters_.n_preemptions;
  s.state = SequenceState::waiting;
  waiting_.push_back(&s);
}

int Scheduler::first_visible_block(size_t group, int position) const {
  const int window = config_.groups[group].window;
  return window > 0 ? std::max(0, position - window + 1) / config_.block_size : 0;
}

void Scheduler::release_behind_window(Sequence& s) {
  for (size_t g = 0; g < pools_.size(); ++g) {
    for (int i = first_visible_block(g, s.n_scheduled) - 1; i >= 0; --i) {
      int32_t& block = s.blocks[g][static_cast<size_t>(i)];
      if (block == kNoBlock) break;  // and all before it
      pools_[g].release(block);
      block = kNoBlock;
    }
  }
}

// The last block first: a prefix is worth more than what follows it, and stays cached longer.
void Scheduler::release_all(Sequence& s) {
  offer_tail(s);
  for (size_t g = 0; g < pools_.size(); ++g) {
    for (auto it = s.blocks[g].rbegin(); it != s.blocks[g].rend(); ++it) {
      if (*it != kNoBlock) pools_[g].release(*it);
    }
    s.blocks[g].clear();
  }
  s.n_computed = s.n_scheduled = s.n_indexed = 0;
  ++s.epoch;
}

void Scheduler::finish_step(std::span<const Assignment> done) {
  for (const Assignment& a : done) {
    Sequence& s = *a.sequence;
    if (s.state == SequenceState::idle) continue;
    if (a.samples) {
      --s.n_pending;
      clients_.charge(s.share, kOutputCost);
    }
    if (s.wants_prompt_rows) s.n_rows_done = std::clamp(a.first + a.n_tokens, s.n_rows_done, s.n_prompt);
    if (a.epoch != s.epoch) continue;
    s.n_computed = a.first + a.n_tokens;
    CHECK(s.n_computed <= static_cast<int>(s.tokens.size()));
    index_blocks(s);
  }
}

void Scheduler::forget_prefixes() {
  for (BlockPool& pool : pools_) pool.clear_index();
}

std::optional<std::string> Scheduler::check_integrity() const {
  for (size_t g = 0; g < pools_.size(); ++g) {
    if (auto broken = pools_[g].check_integrity()) return broken;
    std::vector<int> owners(static_cast<size_t>(pools_[g].n_blocks()));
    for (const Sequence* s : running_) {
      for (const int32_t block : s->blocks[g]) {
        if (block != kNoBlock) ++owners[static_cast<size_t>(block)];
      }
    }
    for (int32_t block = 0; block < pools_[g].n_blocks(); ++block) {
      if (owners[static_cast<size_t>(block)] == pools_[g].n_owners(block)) continue;
      return fmt::format("group {} block {} is in {} sequences and has {} owners", g, block,
                         owners[static_cast<size_t>(block)], pools_[g].n_owners(block));
    }
  }
  for (const Sequence* s : waiting_) {
    if (s->n_scheduled != 0 || s->state != SequenceState::waiting) return "a waiting sequence holds K/V";
  }
  for (const Sequence* s : running_) {
    if (s->n_computed > s->n_scheduled || s->n_scheduled > s->length()) return "a running sequence is out of step";
  }
  if (!std::ranges::is_sorted(running_, precedes)) return "running sequences are not in order";
  return std::nullopt;
}

}  // namespace quandex
