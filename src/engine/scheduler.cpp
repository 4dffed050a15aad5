#include "engine/scheduler.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

int divide_up(int a, int b) { return (a + b - 1) / b; }

bool arrived_before(const Sequence* a, const Sequence* b) { return a->arrival < b->arrival; }

void insert_by_arrival(std::vector<Sequence*>& list, Sequence* s) {
  list.insert(std::upper_bound(list.begin(), list.end(), s, arrived_before), s);
}

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
  s.n_computed = s.n_scheduled = s.n_pending = s.n_cached = s.n_preempted = s.n_indexed = s.n_rows_done = 0;
  s.arrival = ++n_arrived_;
  s.state = SequenceState::waiting;
  const size_t n_sequences = waiting_.size() + running_.size() + 1;  // room for all: preempting allocates nothing
  if (waiting_.capacity() < n_sequences) waiting_.reserve(2 * n_sequences);
  waiting_.push_back(&s);
}

void Scheduler::cancel(Sequence& s) {
  if (s.state == SequenceState::idle) return;
  std::erase(s.state == SequenceState::running ? running_ : waiting_, &s);
  release_all(s);
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

std::span<const Assignment> Scheduler::plan(int token_budget) {
  assignments_.clear();
  is_short_of_blocks_ = false;
  n_rows_left_ = config_.max_rows > 0 ? config_.max_rows : std::numeric_limits<int>::max();
  for (Sequence* s : running_) s->is_assigned = false;
  plan_running(token_budget, true);
  plan_running(token_budget, false);
  plan_waiting(token_budget);
  return assignments_;
}

void Scheduler::plan_running(int& budget, bool one_missing) {
  for (size_t i = 0; i < running_.size() && budget > 0; ++i) {  // preempting shortens the list behind i
    Sequence& s = *running_[i];
    const int n = n_missing(s);
    if (s.is_assigned || n == 0 || (n == 1) != one_missing) continue;
    budget -= assign_or_preempt(s, std::min(n, budget));
  }
}

int Scheduler::assign_or_preempt(Sequence& s, int n_tokens) {
  release_behind_window(s);
  while (true) {
    const int n = fit(s, n_tokens);
    if (n > 0) {
      const int n_fit = fit_rows(s, n);
      assign(s, n_fit);
      return n_fit;
    }
    is_short_of_blocks_ = true;
    Sequence* victim = newest_unassigned_after(s);
    if (!victim) return 0;
    preempt(*victim);
  }
}

void Scheduler::plan_waiting(int& budget) {
  while (budget > 0 && !waiting_.empty() && n_running() < config_.max_sequences && !is_short_of_blocks_) {
    Sequence& s = *waiting_.front();
    const int n = n_missing(s);
    if (n == 0) return;  // its last token is still being sampled
    acquire_prefix(s);
    if (!has_room_for(s)) {
      release_all(s);
      return;
    }
    if (s.n_preempted == 0) note_first_admission(s);
    waiting_.erase(waiting_.begin());
    insert_by_arrival(running_, &s);
    s.state = SequenceState::running;
    s.is_assigned = false;
    const int n_fit = fit_rows(s, fit(s, std::min(s.length() - s.n_scheduled, budget)));
    CHECK(n_fit > 0);
    assign(s, n_fit);
    budget -= n_fit;
  }
}

void Scheduler::note_first_admission(Sequence& s) {
  s.n_cached = s.n_scheduled;
  counters_.n_prompt_tokens += static_cast<uint64_t>(s.n_prompt);
  counters_.n_cached_tokens += static_cast<uint64_t>(s.n_cached);
  if (!s.reuse_prefix || !config_.reuse_prefixes) return;
  ++counters_.n_prefix_queries;
  if (s.n_cached > 0) ++counters_.n_prefix_hits;
}

// Whether a sequence about to be admitted can be computed up to its present length beside those that run already,
// each grown to its own: admitting on less would only lead to preempting it.
bool Scheduler::has_room_for(const Sequence& s) const {
  for (size_t g = 0; g < pools_.size(); ++g) {
    const auto outstanding = [&](const Sequence& q) {
      return std::max(0, blocks_needed(q.length(), config_.groups[g].window, config_.block_size) - held_blocks(q, g));
    };
    int needed = outstanding(s);
    for (const Sequence* q : running_) needed += outstanding(*q);
    if (needed > pools_[g].n_available()) return false;
  }
  return true;
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

// How many of the next n_tokens can be computed with the rows that are left, a row kept for each other sequence.
int Scheduler::fit_rows(const Sequence& s, int n_tokens) const {
  const int n_others = config_.max_sequences - 1 - static_cast<int>(assignments_.size());
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

Sequence* Scheduler::newest_unassigned_after(const Sequence& s) const {
  for (auto it = running_.rbegin(); it != running_.rend() && *it != &s; ++it) {
    if (!(*it)->is_assigned) return *it;
  }
  return nullptr;
}

void Scheduler::preempt(Sequence& s) {
  std::erase(running_, &s);
  release_all(s);
  ++s.n_preempted;
  ++counters_.n_preemptions;
  s.state = SequenceState::waiting;
  insert_by_arrival(waiting_, &s);
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
    if (a.samples) --s.n_pending;
    if (s.wants_prompt_rows) s.n_rows_done = std::clamp(a.first + a.n_tokens, s.n_rows_done, s.n_prompt);
    if (a.epoch != s.epoch) continue;
    s.n_computed = a.first + a.n_tokens;
    CHECK(s.n_computed <= static_cast<int>(s.tokens.size()));
    index_blocks(s);
  }
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
  if (!std::ranges::is_sorted(running_, arrived_before) || !std::ranges::is_sorted(waiting_, arrived_before)) {
    return "sequences are not in order of arrival";
  }
  return std::nullopt;
}

}  // namespace quandex
