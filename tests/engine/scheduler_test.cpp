#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/error.h"
#include "engine/scheduler_simulation.h"

namespace quandex {
namespace {

using Tokens = std::vector<int32_t>;

SchedulerConfig one_group(int block_size, int n_blocks, int max_sequences, int n_ctx = 64) {
  return {.block_size = block_size, .max_sequences = max_sequences, .n_ctx = n_ctx, .groups = {{0, n_blocks}}};
}

Tokens prompt_of(int length, int32_t first = 0) {
  Tokens tokens;
  for (int i = 0; i < length; ++i) tokens.push_back((first + i) % kSimulatedVocab);
  return tokens;
}

// Two sequences through every small machine: block sizes, pools, windows, budgets, lengths, pipelining.
TEST(Scheduler, every_small_configuration_completes_with_the_right_tokens) {
  int n_runs = 0, n_preempted = 0;
  for (const int block_size : {1, 2})
    for (int n_blocks = 3; n_blocks <= 7; ++n_blocks)
      for (const int window : {-1, 0, 1, 2, 3})  // of a second group; -1: none
        for (int max_sequences = 1; max_sequences <= 2; ++max_sequences)
          for (int budget = 1; budget <= 4; ++budget)
            for (int lengths = 0; lengths < 16; ++lengths)
              for (int depth = 1; depth <= 2; ++depth) {
                SchedulerConfig config = one_group(block_size, n_blocks, max_sequences, 8);
                if (window >= 0) config.groups.push_back({window, n_blocks});
                SchedulerSimulation sim(config, depth);
                try {
                  sim.add(prompt_of(1 + lengths % 4), 4 + lengths % 4);
                  sim.add(prompt_of(1 + lengths / 4, lengths % 2), 5 + lengths / 4);
                } catch (const Error&) {
                  continue;  // can never fit
                }
                sim.run_to_the_end(budget);
                ASSERT_FALSE(HasFatalFailure());
                ASSERT_TRUE(sim.has_finished_right(0) && sim.has_finished_right(1));
                for (const auto& s : sim.sequences) n_preempted += s->n_preempted;
                ++n_runs;
              }
  EXPECT_GT(n_runs, 5000);
  EXPECT_GT(n_preempted, 100);
}

SchedulerConfig random_config(std::mt19937& random) {
  SchedulerConfig config;
  config.block_size = 1 << (random() % 3);
  config.max_sequences = 1 + int(random() % 4);
  config.n_ctx = 24;
  config.reuse_prefixes = random() % 4 != 0;
  const size_t n_groups = 1 + random() % 3;
  for (size_t g = 0; g < n_groups; ++g) {
    config.groups.push_back({random() % 2 ? int(1 + random() % 9) : 0, 24 / config.block_size + int(random() % 12)});
  }
  return config;
}

TEST(Scheduler, random_traces_with_cancellation_give_the_right_tokens) {
  std::mt19937 random(2);
  int n_preempted = 0, n_cached = 0, n_finished = 0;
  for (int trace = 0; trace < 300; ++trace) {
    SchedulerSimulation sim(random_config(random), 1 + int(random() % 2));
    std::vector<bool> was_cancelled;
    for (int i = 0; i < 60; ++i) {
      if (random() % 3 == 0) {
        const int length = 1 + int(random() % 14);
        const Output output = random() % 4 ? Output::device_sample : Output::host_sample;
        sim.add(prompt_of(length, random() % 3 ? 0 : 1), length + 1 + int(random() % 10), output, int(random() % 4) / 3,
                random() % 3);
        was_cancelled.push_back(false);
      }
      if (!sim.sequences.empty() && random() % 12 == 0) {
        const size_t victim = random() % sim.sequences.size();
        was_cancelled[victim] = was_cancelled[victim] || sim.sequences[victim]->state != SequenceState::idle;
        sim.scheduler.cancel(*sim.sequences[victim]);
        ASSERT_EQ(sim.scheduler.check_integrity(), std::nullopt);
      }
      sim.step(1 + int(random() % 10));
      ASSERT_FALSE(HasFatalFailure());
    }
    sim.run_to_the_end(4);
    ASSERT_FALSE(HasFailure());
    for (size_t i = 0; i < sim.sequences.size(); ++i) {
      ASSERT_TRUE(was_cancelled[i] || sim.has_finished_right(i)) << "trace " << trace << " sequence " << i;
      n_preempted += sim.sequences[i]->n_preempted;
      n_cached += sim.sequences[i]->n_cached;
      n_finished += !was_cancelled[i];
    }
  }
  EXPECT_GT(n_finished, 2000);  // the trace did exercise what it is for
  EXPECT_GT(n_preempted, 50);
  EXPECT_GT(n_cached, 200);
}

TEST(Scheduler, decoding_sequences_get_their_token_before_prefill_takes_the_rest) {
  SchedulerSimulation sim(one_group(4, 64, 4), 1);
  Sequence& a = sim.add(prompt_of(3), 20);
  sim.step(8);
  Sequence& b = sim.add(prompt_of(40, 1), 50);
  sim.step(8);
  EXPECT_EQ(a.n_scheduled, 4);
  EXPECT_EQ(b.n_scheduled, 7);
  sim.step(8);
  EXPECT_EQ(a.n_scheduled, 5);
  EXPECT_EQ(b.n_scheduled, 14);
}

TEST(Scheduler, the_newest_is_preempted_and_completes_later) {
  SchedulerSimulation sim(one_group(1, 10, 2), 1);
  Sequence& a = sim.add(prompt_of(3), 9);
  Sequence& b = sim.add(prompt_of(3, 2), 9);
  sim.run_to_the_end(16);
  EXPECT_EQ(a.n_preempted, 0);
  EXPECT_EQ(b.n_preempted, 1);
  EXPECT_TRUE(sim.has_finished_right(0) && sim.has_finished_right(1));
}

TEST(Scheduler, prefix_hit_skips_whole_blocks_but_never_the_last_token) {
  SchedulerSimulation sim(one_group(4, 16, 1), 1);
  sim.add(prompt_of(8), 9);
  sim.run_to_the_end(16);
  Sequence& same = sim.add(prompt_of(8), 9);
  sim.run_to_the_end(16);
  EXPECT_EQ(same.n_cached, 4);
  Sequence& longer = sim.add(prompt_of(9), 10);
  sim.run_to_the_end(16);
  EXPECT_EQ(longer.n_cached, 8);
  Sequence& salted = sim.add(prompt_of(9), 10);
  salted.salt = 1;
  sim.run_to_the_end(16);
  EXPECT_EQ(salted.n_cached, 0);
  Sequence& unshared = sim.add(prompt_of(9), 10);
  unshared.reuse_prefix = false;
  sim.run_to_the_end(16);
  EXPECT_EQ(unshared.n_cached, 0);
}

// The second turn of a chat: what was computed for the first one, answer included, is computed once.
TEST(Scheduler, a_sequence_goes_on_where_an_ended_one_stopped_inside_a_block) {
  for (int length = 2; length <= 12; ++length) {
    SchedulerConfig config = one_group(4, 16, 1);
    config.groups.push_back({3, 16});
    SchedulerSimulation sim(config, 1);
    sim.add(prompt_of(length), length + 3);
    sim.run_to_the_end(16);
    Tokens next = sim.sequences[0]->tokens;  // K/V of the last one was never made
    next.push_back(4);
    Sequence& turn = sim.add(next, length + 8);
    sim.run_to_the_end(16);
    EXPECT_EQ(turn.n_cached, length + 2);
    EXPECT_TRUE(sim.has_finished_right(1));
    Tokens other = sim.sequences[1]->tokens;
    int32_t& changed = other[static_cast<size_t>(length) + 6];  // the last one with K/V
    changed = (changed + 1) % kSimulatedVocab;
    Sequence& diverging = sim.add(other, length + 12);
    sim.run_to_the_end(16);
    EXPECT_EQ(diverging.n_cached, (length + 6) / 4 * 4) << "the tail has another token";
    EXPECT_TRUE(sim.has_finished_right(2));
  }
}

TEST(Scheduler, a_window_frees_the_blocks_behind_it) {
  SchedulerConfig config = one_group(2, 32, 1);
  config.groups.push_back({4, 3});
  SchedulerSimulation sim(config, 1);
  sim.add(prompt_of(9), 40);
  for (int i = 0; i < 20; ++i) {
    sim.step(16);
    EXPECT_LE(sim.scheduler.pool(1).n_used(), 3);
  }
  sim.run_to_the_end(16);
  EXPECT_TRUE(sim.has_finished_right(0));
}

TEST(Scheduler, what_can_never_fit_is_refused_with_the_numbers) {
  Scheduler scheduler(one_group(4, 3, 1, 32));
  const auto refusal = [&](int n_prompt, int max_length) -> std::string {
    Sequence s;
    s.tokens = prompt_of(n_prompt);
    s.max_length = max_length;
    try {
      scheduler.add(s);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
      return e.what();
    }
    scheduler.cancel(s);
    return "";
  };
  EXPECT_EQ(refusal(12, 13), "");
  EXPECT_EQ(refusal(12, 14), "a sequence of 13 tokens needs 4 KV blocks of 4 tokens, the cache has 3");
  EXPECT_EQ(refusal(33, 34), "a sequence of 33 tokens does not fit the context of 32");
  EXPECT_FALSE(scheduler.has_work());
}

TEST(Scheduler, all_logits_sequences_want_every_row_and_never_grow) {
  Scheduler scheduler(one_group(4, 8, 1));
  Sequence s;
  s.tokens = prompt_of(7);
  s.max_length = 7;
  s.output = Output::all_logits;
  scheduler.add(s);
  for (const int n : {3, 3, 1}) {
    const auto plan = scheduler.plan(3);
    ASSERT_EQ(plan.size(), 1u);
    EXPECT_EQ(plan[0].n_tokens, n);
    EXPECT_EQ(plan[0].n_outputs, n);
    scheduler.finish_step(plan);
  }
  EXPECT_TRUE(scheduler.plan(3).empty());
  EXPECT_EQ(s.n_computed, 7);
  scheduler.cancel(s);
  EXPECT_EQ(scheduler.pool(0).n_used(), 0);
}

TEST(Scheduler, window_blocks_needed_are_what_its_positions_can_touch) {
  for (int block_size = 1; block_size <= 5; ++block_size)
    for (int window = 1; window <= 12; ++window) {
      int most = 0;
      for (int first = 0; first < block_size; ++first) {
        most = std::max(most, (first + window - 1) / block_size + 1);
      }
      EXPECT_EQ(Scheduler::blocks_needed(1000, window, block_size), most);
    }
}

}  // namespace
}  // namespace quandex
