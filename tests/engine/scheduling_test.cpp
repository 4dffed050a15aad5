// Who is served when: priorities, shares of clients, short prompts beside long ones, prompts that are computed once.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/scheduler_simulation.h"

namespace quandex {
namespace {

using Tokens = std::vector<int32_t>;

SchedulerConfig one_group(int n_blocks, int max_sequences, bool reuse_prefixes = false) {
  return {.block_size = 4,
          .max_sequences = max_sequences,
          .n_ctx = 2000,
          .reuse_prefixes = reuse_prefixes,
          .groups = {{0, n_blocks}}};
}

Tokens prompt_of(int length, uint32_t seed = 0) {
  std::mt19937 random(seed);
  Tokens tokens;
  for (int i = 0; i < length; ++i) tokens.push_back(int32_t(random() % uint64_t{kSimulatedVocab}));
  return tokens;
}

class Scheduling : public testing::Test {
 protected:
  // How many steps it takes until a sequence has so many tokens.
  int steps_until(SchedulerSimulation& sim, const Sequence& s, size_t n_tokens, int budget) {
    int n = 0;
    while (s.tokens.size() < n_tokens && n < 3000 && !HasFatalFailure()) {
      sim.step(budget);
      sim.finish_oldest();
      ++n;
    }
    EXPECT_GE(s.tokens.size(), n_tokens);
    return n;
  }
};

TEST_F(Scheduling, a_higher_priority_is_admitted_and_computed_first) {
  SchedulerSimulation sim(one_group(400, 2), 1);
  Sequence& running = sim.add(prompt_of(60), 62);
  sim.step(10);
  sim.finish_oldest();
  Sequence& low = sim.add(prompt_of(40, 1), 42);
  Sequence& high = sim.add(prompt_of(40, 2), 42, Output::device_sample, 1);
  EXPECT_EQ(steps_until(sim, high, 41, 10), 4);  // all of the budget, though another began before it
  EXPECT_EQ(running.n_computed, 10);
  EXPECT_EQ(low.n_computed, 0);
  sim.run_to_the_end(10);
}

TEST_F(Scheduling, the_last_of_the_lowest_priority_is_preempted) {
  SchedulerSimulation sim(one_group(9, 3), 1);
  Sequence& old_low = sim.add(prompt_of(3), 30, Output::device_sample, -1);
  sim.step(20);
  sim.finish_oldest();
  Sequence& normal = sim.add(prompt_of(3, 1), 30);
  Sequence& low = sim.add(prompt_of(3, 2), 8, Output::device_sample, -1);
  sim.run_to_the_end(20);
  EXPECT_EQ(normal.n_preempted, 0);
  EXPECT_GT(old_low.n_preempted, 0);  // though it was there first
  EXPECT_LE(low.n_preempted, old_low.n_preempted);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(sim.has_finished_right(i));
}

TEST_F(Scheduling, a_short_prompt_does_not_wait_for_a_long_one_which_gets_half) {
  SchedulerSimulation sim(one_group(1000, 8), 1);
  Sequence& decoding = sim.add(prompt_of(4), 300);
  Sequence& long_one = sim.add(prompt_of(1500, 1), 1502);
  for (int i = 0; i < 3; ++i) sim.step(33), sim.finish_oldest();
  for (uint32_t i = 0; i < 10; ++i) {
    Sequence& s = sim.add(prompt_of(14, 2 + i), 16);
    const int n_before = long_one.n_computed, n_decoded = int(decoding.tokens.size());
    EXPECT_EQ(steps_until(sim, s, 15, 33), 1);
    EXPECT_EQ(decoding.tokens.size(), size_t(n_decoded) + 1);
    EXPECT_GE(long_one.n_computed - n_before, 16);
    sim.step(33);
    sim.finish_oldest();
  }
}

TEST_F(Scheduling, of_two_long_prompts_the_first_is_not_halved_by_one_that_is_longer) {
  SchedulerSimulation sim(one_group(1000, 4), 1);
  Sequence& first = sim.add(prompt_of(320, 1), 322);
  sim.step(32);
  sim.finish_oldest();
  sim.add(prompt_of(400, 2), 402);
  EXPECT_EQ(steps_until(sim, first, 321, 32), 9);
}

TEST_F(Scheduling, shorter_ones_pass_a_long_one_only_so_often) {
  SchedulerSimulation sim(one_group(1000, 2), 1);
  sim.add(prompt_of(1900, 1), 1902);
  sim.step(32);
  sim.finish_oldest();
  Sequence& second = sim.add(prompt_of(1000, 2), 1002);
  int n_short = 0;
  while (second.state == SequenceState::waiting) {  // there is always a short one
    ASSERT_LT(n_short, 50);
    sim.add(prompt_of(5, uint32_t(3 + n_short++)), 7);
    sim.step(32);
    sim.finish_oldest();
  }
  EXPECT_GT(n_short, 4);
  EXPECT_LT(n_short, 30);
}

TEST_F(Scheduling, clients_have_equal_shares_however_much_they_ask_for) {
  SchedulerSimulation sim(one_group(400, 4), 1);
  for (uint32_t i = 0; i < 120; ++i) sim.add(prompt_of(30, i), 40, Output::device_sample, 0, 1);
  for (uint32_t i = 0; i < 300; ++i) sim.add(prompt_of(8, 200 + i), 12, Output::device_sample, 0, 2);
  for (int i = 0; i < 200; ++i) sim.step(16), sim.finish_oldest();
  std::array<int64_t, 3> served{};
  for (const auto& s : sim.sequences) {
    const bool has_begun = s->state != SequenceState::waiting;
    served[s->client] += has_begun ? s->n_prompt + 2 * (int(s->tokens.size()) - s->n_prompt) : 0;
  }
  EXPECT_GT(served[1], 1000);
  EXPECT_NEAR(double(served[1]) / double(served[2]), 1, 0.15);
  Sequence& late = sim.add(prompt_of(30, 999), 40, Output::device_sample, 0, 3);
  EXPECT_LT(steps_until(sim, late, 31, 16), 30);
}

// Requests of clients that are always new, as many as the queue holds, for ever: each ends all the same, long ones and
// those of a client that has had much more than its share among them.
TEST_F(Scheduling, nobody_starves_under_an_endless_flood_of_others) {
  for (const int n_blocks : {40, 400}) {
    std::mt19937 random{uint32_t(n_blocks)};
    SchedulerSimulation sim(one_group(n_blocks, 4, true), 1);
    uint64_t client = 100;
    const auto flood = [&] {
      int n_active = 0;
      for (size_t i = sim.sequences.size(); i-- > 0 && sim.sequences.size() - i < 300;)
        n_active += sim.sequences[i]->state != SequenceState::idle;
      for (; n_active < 24; ++n_active) {
        const int length = 1 + int(random() % 12), n_more = 1 + int(random() % 6);
        const auto seed = uint32_t(random() % 50);
        sim.add(prompt_of(length, seed), length + n_more, Output::device_sample, 0, client++);
      }
    };
    const auto run_with_flood = [&](Sequence& s, int most_steps) {
      int n = 0;
      for (; s.state != SequenceState::idle && n < most_steps && !HasFatalFailure(); ++n) {
        flood();
        sim.step(12);
        sim.finish_oldest();
      }
      EXPECT_EQ(s.state, SequenceState::idle) << "not ended after " << n << " steps";
    };
    flood();
    run_with_flood(sim.add(prompt_of(100, 777), 130, Output::device_sample, 0, 1), 600);
    run_with_flood(sim.add(prompt_of(3, 778), 5, Output::device_sample, 0, 1), 600);
    std::vector<Sequence*> heavy;
    for (uint32_t i = 0; i < 4; ++i) heavy.push_back(&sim.add(prompt_of(60, 800 + i), 70, Output::device_sample, 0, 2));
    for (Sequence* s : heavy) run_with_flood(*s, 1500);
    for (size_t i = 0; i < sim.sequences.size(); ++i)
      EXPECT_TRUE(sim.sequences[i]->state != SequenceState::idle || sim.has_finished_right(i));
  }
}

TEST_F(Scheduling, choices_of_one_prompt_compute_it_once) {
  for (const int budget : {7, 32, 200})
    for (const int depth : {1, 2}) {
      SchedulerSimulation sim(one_group(400, 8, true), depth);
      for (int i = 0; i < 6; ++i) sim.add(prompt_of(101, 5), 104);
      sim.add(prompt_of(30, 6), 32);  // has nothing to do with it and waits for nobody
      sim.run_to_the_end(budget);
      for (size_t i = 0; i < 7; ++i) EXPECT_TRUE(sim.has_finished_right(i));
      EXPECT_EQ(sim.n_computed(), 101 + 2 + 5 * 3 + 31) << "budget " << budget;
      EXPECT_LT(sim.sequences[6]->arrival, 8u);
    }
}

TEST_F(Scheduling, requests_with_one_beginning_compute_it_once) {
  SchedulerSimulation sim(one_group(600, 8, true), 1);
  for (uint32_t i = 0; i < 8; ++i) {
    Tokens prompt = prompt_of(200, 5);
    const Tokens own = prompt_of(12, 100 + i);
    prompt.insert(prompt.end(), own.begin(), own.end());
    sim.add(prompt, 214);
  }
  sim.run_to_the_end(32);
  for (size_t i = 0; i < 8; ++i) EXPECT_TRUE(sim.has_finished_right(i));
  EXPECT_LE(sim.n_computed(), 200 + 8 * (12 + 1) + 8);
}

TEST_F(Scheduling, who_waits_for_nobody_passes_however_many_that_wait_for_others) {
  SchedulerSimulation sim(one_group(1000, 8, true), 1);
  for (int i = 0; i < 200; ++i) sim.add(prompt_of(100, 5), 101);
  const Sequence& other = sim.add(prompt_of(30, 6), 32);
  sim.step(64);
  sim.finish_oldest();
  EXPECT_EQ(other.n_computed, 30);
  sim.run_to_the_end(64);
  for (size_t i = 0; i < 201; ++i) EXPECT_TRUE(sim.has_finished_right(i));
}

TEST_F(Scheduling, prompts_are_hashed_no_farther_than_the_cache_may_know_them) {
  SchedulerSimulation sim(one_group(1000, 1, true), 1);
  sim.add(prompt_of(100, 5), 103);
  Tokens prompt = prompt_of(9, 5);
  const Tokens own = prompt_of(800, 6);
  prompt.insert(prompt.end(), own.begin(), own.end());
  const Sequence& first = sim.add(prompt_of(100, 5), 104);
  const Sequence& second = sim.add(prompt, 810);
  EXPECT_EQ(steps_until(sim, first, 101, 100), 4);
  EXPECT_EQ(second.state, SequenceState::waiting);
  EXPECT_LE(second.hashes.size(), 2u);  // of 202 blocks
  sim.run_to_the_end(100);
}

TEST_F(Scheduling, who_waits_for_another_goes_on_when_that_one_is_cancelled) {
  SchedulerSimulation sim(one_group(400, 8, true), 1);
  Sequence& leader = sim.add(prompt_of(100, 5), 104);
  for (int i = 0; i < 3; ++i) sim.add(prompt_of(100, 5), 104);
  for (int i = 0; i < 4; ++i) sim.step(10), sim.finish_oldest();
  EXPECT_EQ(sim.scheduler.n_running(), 1);
  sim.scheduler.cancel(leader);
  sim.run_to_the_end(10);
  for (size_t i = 1; i < 4; ++i) EXPECT_TRUE(sim.has_finished_right(i));
  EXPECT_LE(sim.n_computed(), 40 + 64 + 3 * 8);  // what the leader had computed was not lost
}

// Many sequences of few beginnings on few blocks, cancelled at random: everything else ends with the right tokens.
TEST_F(Scheduling, waiting_for_others_never_blocks) {
  std::mt19937 random(8);
  int n_deferred = 0, n_preempted = 0;
  for (int trace = 0; trace < 60; ++trace) {
    SchedulerConfig config = one_group(12 + int(random() % 20), 1 + int(random() % 5), true);
    if (random() % 3 == 0) config.groups.push_back({int(1 + random() % 9), 40});
    SchedulerSimulation sim(config, 1 + int(random() % 2));
    std::vector<bool> was_cancelled;
    for (int i = 0; i < 60; ++i) {
      for (int n = int(random() % 3); n > 0; --n) {
        const int length = 1 + int(random() % 40), n_more = 1 + int(random() % 8);
        const auto seed = uint32_t(random() % 2);
        const int priority = int(random() % 5) / 4;
        sim.add(prompt_of(length, seed), length + n_more, Output::device_sample, priority, random() % 4);
        was_cancelled.push_back(false);
      }
      if (random() % 6 == 0 && !sim.sequences.empty()) {
        const size_t victim = random() % sim.sequences.size();
        was_cancelled[victim] = true;
        sim.scheduler.cancel(*sim.sequences[victim]);
      }
      sim.step(1 + int(random() % 12));
      ASSERT_FALSE(HasFatalFailure());
    }
    sim.run_to_the_end(6);
    ASSERT_FALSE(HasFailure());
    for (size_t i = 0; i < sim.sequences.size(); ++i) {
      ASSERT_TRUE(was_cancelled[i] || sim.has_finished_right(i)) << "trace " << trace << " sequence " << i;
      n_deferred += sim.sequences[i]->n_deferred;
      n_preempted += sim.sequences[i]->n_preempted;
    }
  }
  EXPECT_GT(n_deferred, 200);
  EXPECT_GT(n_preempted, 20);
}

TEST_F(Scheduling, the_load_is_what_the_next_plan_has_to_do) {
  SchedulerSimulation sim(one_group(400, 3), 1);
  Sequence& a = sim.add(prompt_of(5), 30);
  EXPECT_EQ(sim.scheduler.load().n_decoding, 0);
  EXPECT_TRUE(sim.scheduler.load().has_prefill);
  sim.step(8);
  sim.finish_oldest();
  sim.add(prompt_of(50, 1), 60);
  sim.step(11);
  sim.finish_oldest();
  const SchedulerLoad load = sim.scheduler.load();
  EXPECT_EQ(load.n_decoding, 1);
  EXPECT_EQ(load.n_decoding_length, a.length());
  EXPECT_TRUE(load.has_prefill);
  EXPECT_EQ(load.farthest_prefill, 10);
}

}  // namespace
}  // namespace quandex
