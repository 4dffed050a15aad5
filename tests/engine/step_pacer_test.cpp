// The pacer on machines that are made up: linear, bound by memory up to some chunk, noisy, with attention dearer than
// it believes.
#include "engine/step_pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "engine/tiny_engine.h"

namespace quandex {
namespace {

constexpr double kLimitMs = 250;

// About a model of 1B: a token at 16k attends at the cost of its matrices.
TokenCosts costs_of_1b() {
  TokenCosts costs;
  costs.attention[0] = {6.5e-5, 0};
  costs.logit_row = 0.25;
  return costs;
}

// What a step takes; the truth that the pacer does not know.
struct Machine {
  double fixed_ms = 0;        // whatever is computed
  double token_ms = 0;        // for the matrices of one token
  double memory_ms = 0;       // reading the weights, behind which computing hides
  double attention = 6.5e-5;  // of a position, relative to the matrices
  double noise = 0;           // standard deviation of the time's logarithm
  double hiccup_share = 0;    // of steps that take three times as long

  double step_ms(const StepWork& work, std::mt19937& random) const {
    const double positions = double(work.n_decoding_length) + double(work.n_prefill_positions);
    const double matrices = token_ms * (work.n_decoding + work.n_prefill);
    double ms = fixed_ms + std::max(memory_ms, matrices) + token_ms * attention * positions;
    ms *= std::exp(std::normal_distribution<double>(0, noise)(random));
    if (std::uniform_real_distribution<double>()(random) < hiccup_share) ms *= 3;
    return ms;
  }
};

struct Trace {
  std::vector<double> step_ms;
  int n_steps = 0;
  void append(const Trace& other) {
    step_ms.insert(step_ms.end(), other.step_ms.begin(), other.step_ms.end());
    n_steps += other.n_steps;
  }
  double percentile(double p) {
    std::ranges::sort(step_ms);
    return step_ms[std::min(step_ms.size() - 1, size_t(p * double(step_ms.size())))];
  }
};

// A prompt beside sequences that decode.
Trace prefill(StepPacer& pacer, const Machine& machine, int n_prompt, int n_decoding, int budget, std::mt19937& random,
              int n_cached = 0) {
  Trace run;
  int length = 1000;
  for (int done = n_cached; done < n_prompt; ++length) {
    const SchedulerLoad load{n_decoding, int64_t{n_decoding} * length, true, done};
    const int n = std::min(pacer.choose(load, budget) - n_decoding, n_prompt - done);
    EXPECT_GT(n, 0);
    StepWork work{n_decoding, int64_t{n_decoding} * length, 0, 0, n_decoding};
    work.add({nullptr, done, n, 0, 0, false});
    const double ms = machine.step_ms(work, random);
    pacer.observe(work, ms);
    run.step_ms.push_back(ms);
    ++run.n_steps;
    done += n;
  }
  return run;
}

void decode(StepPacer& pacer, const Machine& machine, int n_decoding, int n_steps, std::mt19937& random) {
  for (int i = 0; i < n_steps; ++i) {
    const StepWork work{n_decoding, int64_t{n_decoding} * (500 + i), 0, 0, n_decoding};
    pacer.observe(work, machine.step_ms(work, random));
  }
}

// 100 times apart in speed; on the slowest the limit is far above eight tokens all the same.
std::vector<Machine> machines() {
  std::vector<Machine> all;
  for (const double speed : {1.0, 10.0, 100.0}) {
    all.push_back({.fixed_ms = 2 / speed, .token_ms = 6 / speed});
    all.push_back({.fixed_ms = 2 / speed, .token_ms = 4 / speed, .memory_ms = 90 / speed});
    all.push_back({.fixed_ms = 1, .token_ms = 3 / speed, .attention = 3e-4});  // dearer than it believes
    all.push_back({.fixed_ms = 1, .token_ms = 5 / speed, .attention = 1e-5});
    all.push_back({.fixed_ms = 2, .token_ms = 6 / speed, .memory_ms = 40 / speed, .noise = 0.08});
    all.push_back({.fixed_ms = 2, .token_ms = 6 / speed, .noise = 0.05, .hiccup_share = 0.03});
  }
  return all;
}

TEST(StepPacer, steps_keep_within_the_limit_during_a_long_prefill) {
  size_t i = 0;
  for (const Machine& machine : machines()) {
    for (const bool has_decoded : {true, false}) {
      std::mt19937 random(7);
      StepPacer pacer(kLimitMs, costs_of_1b());
      if (has_decoded) decode(pacer, machine, 8, 30, random);
      Trace run = prefill(pacer, machine, 16384, 8, 2048, random);
      while (run.n_steps < 200) run.append(prefill(pacer, machine, 16384, 8, 2048, random));
      EXPECT_LE(run.percentile(0.95), kLimitMs) << "machine " << i;
    }
    ++i;
  }
}

// Neither is time given away: the steps are long enough to be worth their overhead.
TEST(StepPacer, what_the_limit_allows_is_used) {
  size_t i = 0;
  for (const Machine& machine : machines()) {
    std::mt19937 random(8);
    StepPacer pacer(kLimitMs, costs_of_1b());
    decode(pacer, machine, 8, 30, random);
    Trace run = prefill(pacer, machine, 16384, 8, 1 << 20, random);
    if (run.n_steps > 20) {
      EXPECT_GE(run.percentile(0.5), 0.55 * kLimitMs) << "machine " << i;
    }
    ++i;
  }
}

TEST(StepPacer, a_cached_prompt_that_goes_on_far_behind_is_paced_from_its_first_step) {
  const Machine machine{.fixed_ms = 2, .token_ms = 1};
  std::mt19937 random(3);
  StepPacer pacer(kLimitMs, costs_of_1b());
  prefill(pacer, machine, 4000, 8, 2048, random);
  Trace far = prefill(pacer, machine, 34000, 8, 2048, random, 30000);
  EXPECT_LE(far.percentile(1), kLimitMs);
}

TEST(StepPacer, one_slow_step_does_not_starve_prefill_and_one_fast_step_does_not_blow_the_limit) {
  const Machine machine{.fixed_ms = 2, .token_ms = 1};
  std::mt19937 random(3);
  const SchedulerLoad load{8, 8000, true, 2000};
  for (const double factor : {30.0, 0.02}) {
    StepPacer pacer(kLimitMs, costs_of_1b());
    decode(pacer, machine, 8, 30, random);
    prefill(pacer, machine, 4000, 8, 2048, random);
    const int before = pacer.choose(load, 4096);
    StepWork work{8, 8000, 0, 0, 8};
    work.add({nullptr, 2000, before - 8, 0, 0, false});
    pacer.observe(work, factor * machine.step_ms(work, random));
    EXPECT_NEAR(pacer.choose(load, 4096), before, 0.15 * before) << factor;
  }
}

TEST(StepPacer, a_machine_that_becomes_slower_is_believed_after_two_steps) {
  std::mt19937 random(3);
  StepPacer pacer(kLimitMs, costs_of_1b());
  const Machine fast{.fixed_ms = 2, .token_ms = 0.5}, slow{.fixed_ms = 8, .token_ms = 2};
  prefill(pacer, fast, 8000, 8, 2048, random);
  const Trace run = prefill(pacer, slow, 4000, 8, 2048, random);
  for (size_t i = 2; i < run.step_ms.size(); ++i) EXPECT_LE(run.step_ms[i], kLimitMs) << i;
}

TEST(StepPacer, a_machine_that_becomes_much_slower_and_fast_again_is_followed_both_ways) {
  std::mt19937 random(3);
  StepPacer pacer(kLimitMs, costs_of_1b());
  const Machine fast{.fixed_ms = 2, .token_ms = 0.2}, slow{.fixed_ms = 10, .token_ms = 4};
  prefill(pacer, fast, 16000, 8, 4096, random);
  Trace run = prefill(pacer, slow, 16000, 8, 4096, random);
  EXPECT_LE(run.percentile(0.95), kLimitMs);
  EXPECT_LE(std::ranges::count_if(run.step_ms, [](double ms) { return ms > kLimitMs; }), 3);
  prefill(pacer, fast, 8000, 8, 4096, random);
  run = prefill(pacer, fast, 16000, 8, 4096, random);
  EXPECT_GE(run.percentile(0.5), 0.6 * kLimitMs);
}

TEST(StepPacer, short_prompts_do_not_make_the_next_long_one_begin_small) {
  std::mt19937 random(3);
  StepPacer pacer(kLimitMs, costs_of_1b());
  const Machine machine{.fixed_ms = 2, .token_ms = 0.5, .memory_ms = 50};
  prefill(pacer, machine, 8000, 8, 4096, random);
  const int before = pacer.choose({8, 8000, true, 0}, 4096);
  for (int i = 0; i < 30; ++i) prefill(pacer, machine, 10, 8, 4096, random);
  EXPECT_NEAR(pacer.choose({8, 8000, true, 0}, 4096), before, 0.1 * before);
}

TEST(StepPacer, prefill_always_advances) {
  std::mt19937 random(3);
  const Machine hopeless{.fixed_ms = 400, .token_ms = 100};
  StepPacer pacer(kLimitMs, costs_of_1b());
  decode(pacer, hopeless, 8, 30, random);
  const Trace run = prefill(pacer, hopeless, 400, 8, 2048, random);
  EXPECT_LE(run.n_steps, 400 / StepPacer::kLeastPrefill);
  EXPECT_EQ(pacer.choose({8, 8000, true, 10}, 9), 9);  // never above the budget
  EXPECT_EQ(pacer.choose({0, 0, false, 0}, 77), 77);   // nothing to pace
}

// A decoding step of 200 ms leaves the prefill a quarter of the limit, so that it takes its part beside it.
TEST(StepPacer, slow_decoding_leaves_prefill_its_part) {
  std::mt19937 random(3);
  const Machine machine{.fixed_ms = 300, .token_ms = 1};
  StepPacer pacer(kLimitMs, costs_of_1b());
  decode(pacer, machine, 8, 30, random);
  Trace run = prefill(pacer, machine, 4000, 8, 2048, random);
  EXPECT_NEAR(run.percentile(0.5), 300 + 8 + 0.25 * kLimitMs, 12);
}

TEST(StepPacer, the_first_chunks_are_small) {
  StepPacer pacer(kLimitMs, costs_of_1b());
  EXPECT_EQ(pacer.choose({0, 0, true, 0}, 2048), StepPacer::kLeastPrefill);
  EXPECT_EQ(pacer.choose({3, 300, true, 0}, 2048), 3 + StepPacer::kLeastPrefill);
}

TEST(StepPacer, costs_are_those_of_the_model) {
  TinyModel model("llama");
  const HeadShape& heads = model.config.heads();
  const double n_layers = double(model.config.layers.size());
  const double matrices =
      n_layers * model.config.dim * (2.0 * heads.q_cols() + 2.0 * heads.kv_cols() + 3.0 * model.config.ffn_dim);
  TokenCosts costs = token_costs(model.config);
  EXPECT_DOUBLE_EQ(costs.attention[0].per_position, n_layers * 2 * heads.q_cols() / matrices);
  EXPECT_EQ(costs.attention[0].window, 0);
  EXPECT_DOUBLE_EQ(costs.logit_row, model.config.dim * model.config.vocab / matrices);
  model.set_window(20);
  costs = token_costs(model.config);
  EXPECT_EQ(costs.attention[1].window, 20);
  EXPECT_DOUBLE_EQ(costs.attention[1].per_position, 2.0 * heads.q_cols() / matrices);
}

TEST(StepWork, tells_decoding_from_prefill) {
  StepWork work;
  work.add({nullptr, 9, 1, 1, 0, true});
  work.add({nullptr, 20, 3, 0, 0, false});
  EXPECT_EQ(work.n_decoding, 1);
  EXPECT_EQ(work.n_decoding_length, 10);
  EXPECT_EQ(work.n_prefill, 3);
  EXPECT_EQ(work.n_prefill_positions, 21 + 22 + 23);
  EXPECT_EQ(work.n_logit_rows, 1);
}

}  // namespace
}  // namespace quandex
