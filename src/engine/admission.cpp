// The part of the scheduler that shares the budget for prefill out and admits waiting sequences.
#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"
#include "engine/scheduler.h"

namespace quandex {
namespace {

// How often shorter sequences may be admitted before the one whose turn it is.
constexpr int kMostPassed = 8;
// What counts as shorter: what the rest of the step can compute, or this part of what the other one needs.
constexpr int kShorterPart = 4;

}  // namespace

// Tokens that a running sequence could still be granted in the plan being made.
int Scheduler::n_grantable(const Sequence& s) const {
  const int n = s.is_assigned ? 0 : n_missing(s);
  return n == 0 ? 0 : fit_rows(s, n) - s.n_granted;
}

int Scheduler::grant(Sequence& s, int budget) {
  const int n = std::min(n_grantable(s), budget);
  s.n_granted += n;
  return n;
}

Sequence* Scheduler::first_prefill() const {
  const auto found = std::ranges::find_if(running_, [this](const Sequence* s) { return n_grantable(*s) > 0; });
  return found == running_.end() ? nullptr : *found;
}

Sequence* Scheduler::shortest_prefill() const {
  Sequence* shortest = nullptr;
  for (Sequence* s : running_) {  // in order of precedence: the first among equals
    if (n_grantable(*s) == 0) continue;
    if (shortest && s->priority < shortest->priority) break;
    if (!shortest || n_missing(*s) - s->n_granted < n_missing(*shortest) - shortest->n_granted) shortest = s;
  }
  return shortest;
}

void Scheduler::grant_prefill(int budget) {
  if (budget <= 0) return;
  Sequence* first = first_prefill();
  if (can_admit()) {
    Sequence* waiting = first_waiting(std::numeric_limits<int>::max());
    if (waiting && (!first || waiting->priority > first->priority) && admit({waiting, nullptr})) first = waiting;
  }
  if (first) budget -= grant(*first, (budget + 1) / 2);
  while (budget > 0) {
    Sequence* next = shortest_prefill();
    const Choice choice = choose_waiting(budget);
    if (Sequence* s = choice.sequence) {
      const auto is_before = [this](const Sequence& a, const Sequence& b) {
        if (a.priority != b.priority) return a.priority > b.priority;
        return a.n_passed >= kMostPassed || a.n_preempted > 0 || n_to_compute(a) < n_missing(b) - b.n_granted;
      };
      if (!next || is_before(*s, *next)) {
        if (!admit(choice)) continue;
        next = s;
      }
    }
    if (!next) return;
    budget -= grant(*next, budget);
  }
}

bool Scheduler::can_admit() const {
  return !is_admission_closed_ && !waiting_.empty() && n_running() < config_.max_sequences;
}

// Tokens that a waiting sequence lacks, as far as is known.
int Scheduler::n_to_compute(const Sequence& s) const {
  return n_missing(s) - std::min(s.n_known_blocks * config_.block_size, n_missing(s));
}

bool Scheduler::is_admitted_before(const Sequence& a, const Sequence& b) const {
  const auto key = [this](const Sequence& s) {
    const bool is_new = s.n_preempted == 0;  // the stream of one that is not has begun
    return std::tuple(-int64_t{s.priority}, is_new, is_new ? clients_.service(s.share) : 0.0, s.arrival);
  };
  return key(a) < key(b);
}

// The one whose turn it is among those that lack at most so many tokens and wait for nobody else. Once through the
// queue, however many wait for others.
Sequence* Scheduler::first_waiting(int most_to_compute) {
  Sequence* first = nullptr;
  for (Sequence* s : waiting_) {
    if (s->deferred_in_plan == n_plans_ || n_missing(*s) == 0) continue;  // 0: its last token is being sampled
    find_known_blocks(*s);
    if (n_to_compute(*s) > most_to_compute || (first && !is_admitted_before(*s, *first))) continue;
    if (!is_under_way(*s)) {
      first = s;
      continue;
    }
    s->deferred_in_plan = n_plans_;
    ++s->n_deferred;
  }
  return first;
}

Scheduler::Choice Scheduler::choose_waiting(int budget) {
  if (!can_admit()) return {};
  Sequence* first = first_waiting(std::numeric_limits<int>::max());
  if (!first || first->n_passed >= kMostPassed || first->n_preempted > 0) return {first, nullptr};
  const int n = n_to_compute(*first);
  if (n <= budget) return {first, nullptr};
  Sequence* shorter = first_waiting(std::max(budget, n / kShorterPart));
  if (!shorter || shorter->priority < first->priority) return {first, nullptr};
  return {shorter, first};
}

// A sequence that finds no room ends admission in this plan: who comes behind it must not take the room that it needs.
bool Scheduler::admit(const Choice& choice) {
  Sequence& s = *choice.sequence;
  acquire_prefix(s);
  if (!has_room_for(s)) {
    release_all(s);
    is_admission_closed_ = true;
    return false;
  }
  if (choice.passed) ++choice.passed->n_passed;
  std::erase(waiting_, &s);
  const auto place = std::ranges::upper_bound(running_, &s, precedes);
  running_.insert(place, &s);
  s.state = SequenceState::running;
  s.is_assigned = false;
  s.n_granted = 0;
  if (s.n_preempted == 0) note_first_admission(s);
  return true;
}

void Scheduler::note_first_admission(Sequence& s) {
  clients_.admit(s.share);
  clients_.charge(s.share, s.n_prompt - s.n_scheduled);
  s.n_cached = s.n_scheduled;
  counters_.n_prompt_tokens += static_cast<uint64_t>(s.n_prompt);
  counters_.n_cached_tokens += static_cast<uint64_t>(s.n_cached);
  if (!s.reuse_prefix || !config_.reuse_prefixes) return;
  ++counters_.n_prefix_queries;
  if (s.n_cached > 0) ++counters_.n_prefix_hits;
  if (config_.explain_cache) s.cache_break = find_cache_break(s);
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

}  // namespace quandex
