// A device for scheduler tests that keeps, in place of K and V, the hash of all tokens up to a position. Every read
// that attention would make is checked, and the "sampled" token depends on the whole prefix, so any block that is
// shared, reused, freed or preempted wrongly shows.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "engine/scheduler.h"

namespace quandex {

inline constexpr int32_t kSimulatedVocab = 5;

inline uint64_t prefix_hash(std::span<const int32_t> tokens) {
  uint64_t hash = 1;
  for (const int32_t token : tokens) hash = chain_hash(hash, {&token, 1});
  return hash;
}

// The tokens that a prompt must grow to, whatever happens to it on the way.
inline std::vector<int32_t> expected_tokens(std::vector<int32_t> tokens, int max_length) {
  while (static_cast<int>(tokens.size()) < max_length) {
    tokens.push_back(static_cast<int32_t>(prefix_hash(tokens) % kSimulatedVocab));
  }
  return tokens;
}

class SchedulerSimulation {
 public:
  SchedulerSimulation(SchedulerConfig config, int depth) : scheduler(config), depth_(depth) {
    for (const KvGroupBlocks& group : config.groups) {
      kv_.emplace_back(static_cast<size_t>(group.n_blocks * config.block_size));
    }
  }

  Sequence& add(std::vector<int32_t> prompt, int max_length, Output output = Output::device_sample, int priority = 0,
                uint64_t client = 0) {
    sequences.push_back(std::make_unique<Sequence>());
    Sequence& s = *sequences.back();
    expected.push_back(expected_tokens(prompt, max_length));
    s.tokens = std::move(prompt);
    s.max_length = max_length;
    s.output = output;
    s.priority = priority;
    s.client = client;
    scheduler.add(s);
    return s;
  }

  // One plan, run at once; the step `depth` plans ago finishes first.
  void step(int budget) {
    while (static_cast<int>(in_flight_.size()) >= depth_) finish_oldest();
    const std::span<const Assignment> plan = scheduler.plan(budget);
    check_plan(plan, budget);
    Step step;
    for (const Assignment& a : plan) {
      step.assignments.push_back(a);
      step.sampled.push_back(run(a));
    }
    in_flight_.push_back(std::move(step));
    ASSERT_EQ(scheduler.check_integrity(), std::nullopt);
  }

  void finish_oldest() {
    const Step step = std::move(in_flight_.front());
    in_flight_.pop_front();
    scheduler.finish_step(step.assignments);
    for (size_t i = 0; i < step.assignments.size(); ++i) {
      Sequence& s = *step.assignments[i].sequence;
      if (step.assignments[i].n_outputs == 0 || s.state == SequenceState::idle) continue;
      s.tokens.push_back(step.sampled[i]);
      if (static_cast<int>(s.tokens.size()) == s.max_length) scheduler.cancel(s);
    }
    ASSERT_EQ(scheduler.check_integrity(), std::nullopt);
  }

  void run_to_the_end(int budget) {
    for (int i = 0; scheduler.has_work(); ++i) {
      ASSERT_LT(i, 5000) << "sequences starve";
      step(budget);
      if (testing::Test::HasFatalFailure()) return;
    }
    while (!in_flight_.empty()) finish_oldest();
    for (int g = 0; g < scheduler.n_groups(); ++g) ASSERT_EQ(scheduler.pool(g).n_used(), 0);
  }

  int64_t n_computed() const { return n_computed_; }  // tokens, over all steps

  bool has_finished_right(size_t i) const { return sequences[i]->tokens == expected[i]; }

  Scheduler scheduler;
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<std::vector<int32_t>> expected;

 private:
  struct Step {
    std::vector<Assignment> assignments;
    std::vector<int32_t> sampled;
  };
  struct Progress {
    uint32_t epoch = 0;
    int end = 0;
  };

  void check_plan(std::span<const Assignment> plan, int budget) {
    int n_tokens = 0;
    std::map<const Sequence*, int> times;
    for (const Assignment& a : plan) {
      n_tokens += a.n_tokens;
      ASSERT_GT(a.n_tokens, 0);
      ASSERT_EQ(++times[a.sequence], 1);
      Progress& progress = progress_[a.sequence];
      if (progress.epoch == a.epoch && progress.end > 0) {
        ASSERT_EQ(a.first, progress.end);
      } else {
        ASSERT_LT(a.first, a.sequence->length());  // starts behind a prefix hit, which leaves a token to compute
      }
      progress = {a.epoch, a.first + a.n_tokens};
    }
    n_computed_ += n_tokens;
    ASSERT_LE(n_tokens, budget);
    if (budget >= scheduler.config().max_sequences && depth_ == 1) {
      const Sequence* first = first_running();
      ASSERT_TRUE(!first || times.contains(first)) << "the first in order does not advance";
    }
    ASSERT_LE(scheduler.n_running(), scheduler.config().max_sequences);
  }

  // In order of precedence.
  const Sequence* first_running() const {
    const Sequence* first = nullptr;
    for (const auto& s : sequences) {
      if (s->state != SequenceState::running) continue;
      const bool is_before =
          !first || s->priority > first->priority || (s->priority == first->priority && s->arrival < first->arrival);
      if (is_before) first = s.get();
    }
    return first;
  }

  int32_t run(const Assignment& a) {
    const Sequence& s = *a.sequence;
    std::vector<int32_t> tokens = s.tokens;
    const auto end = static_cast<size_t>(a.first + a.n_tokens);
    if (tokens.size() < end) tokens.push_back(last_sample_[&s]);
    EXPECT_GE(tokens.size(), end);
    for (size_t g = 0; g < kv_.size(); ++g) {
      for (int p = a.first; p < a.first + a.n_tokens; ++p) store(s, g, p, tokens);
      for (int p = a.first; p < a.first + a.n_tokens; ++p) check_reads(s, g, p, tokens);
    }
    if (!s.samples() || a.n_outputs == 0) return -1;
    EXPECT_EQ(tokens.size(), end);
    return last_sample_[&s] = static_cast<int32_t>(prefix_hash(tokens) % kSimulatedVocab);
  }

  size_t slot(const Sequence& s, size_t g, int position) const {
    const int size = scheduler.config().block_size;
    const int32_t block = s.blocks[g].at(static_cast<size_t>(position / size));
    EXPECT_NE(block, kNoBlock);
    return static_cast<size_t>(block * size + position % size);
  }

  void store(const Sequence& s, size_t g, int p, std::span<const int32_t> tokens) {
    const size_t at = slot(s, g, p);
    const int32_t block = static_cast<int32_t>(at) / scheduler.config().block_size;
    EXPECT_EQ(scheduler.pool(static_cast<int>(g)).n_owners(block), 1) << "a shared block is written";
    EXPECT_FALSE(scheduler.pool(static_cast<int>(g)).is_indexed(block)) << "an indexed block is written";
    kv_[g][at] = prefix_hash(tokens.first(static_cast<size_t>(p) + 1));
  }

  void check_reads(const Sequence& s, size_t g, int p, std::span<const int32_t> tokens) {
    const int window = scheduler.config().groups[g].window;
    for (int j = window > 0 ? std::max(0, p - window + 1) : 0; j <= p; ++j) {
      EXPECT_EQ(kv_[g][slot(s, g, j)], prefix_hash(tokens.first(static_cast<size_t>(j) + 1)));
    }
  }

  int depth_;
  int64_t n_computed_ = 0;
  std::vector<std::vector<uint64_t>> kv_;  // by group and slot
  std::deque<Step> in_flight_;
  std::map<const Sequence*, int32_t> last_sample_;
  std::map<const Sequence*, Progress> progress_;
};

}  // namespace quandex
