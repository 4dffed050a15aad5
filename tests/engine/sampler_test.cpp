#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"

namespace quandex {
namespace {

using Tokens = std::vector<int32_t>;
using Logits = std::vector<float>;

int32_t sample(const Logits& logits, const SamplingParams& params, const Tokens& tokens = {0}, int n_prompt = 1) {
  HostSampler sampler(static_cast<int>(logits.size()));
  return sampler.sample(logits, tokens, n_prompt, params);
}

// How often each id is drawn over `n` output positions.
std::vector<int> histogram(const Logits& logits, const SamplingParams& params, int n) {
  HostSampler sampler(static_cast<int>(logits.size()));
  std::vector<int> counts(logits.size());
  Tokens tokens = {0};
  for (int i = 0; i < n; ++i) {
    ++counts[static_cast<size_t>(sampler.sample(logits, tokens, 1, params))];
    tokens.push_back(0);
  }
  return counts;
}

Logits logs_of(const std::vector<double>& probabilities) {
  Logits logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

TEST(Sampler, greedy_takes_the_lowest_id_of_a_tie) {
  EXPECT_EQ(sample({1, 3, 3, 2}, {}), 1);
  EXPECT_EQ(sample({-1, -1}, {.repeat_penalty = 1.5f}, {5 % 2}), 0);
}

TEST(Sampler, repetition_penalty_covers_prompt_and_output_and_weakens_either_sign) {
  const SamplingParams params{.repeat_penalty = 2};
  EXPECT_EQ(sample({4, 3, 1}, params, {0}, 1), 1);        // 4 / 2 < 3
  EXPECT_EQ(sample({4, 1.9f, 1}, params, {0}, 1), 0);     // 4 / 2 > 1.9
  EXPECT_EQ(sample({4, 3, 1}, params, {2, 0}, 1), 1);     // generated, not in the prompt
  EXPECT_EQ(sample({-1, -1.5f, -9}, params, {0}, 1), 1);  // -1 * 2 < -1.5
  EXPECT_EQ(sample({4, 3, 1}, params, {0, 0, 0}, 1), 1);  // once, however often
  EXPECT_EQ(sample({8, 3, 1}, params, {0, 0, 0}, 1), 0);
}

TEST(Sampler, frequency_and_presence_penalties_cover_the_output_only) {
  const SamplingParams frequency{.frequency_penalty = 0.5f};
  EXPECT_EQ(sample({2, 1.2f}, frequency, {0, 0, 0}, 3), 0);  // prompt only
  EXPECT_EQ(sample({2, 1.2f}, frequency, {1, 0}, 1), 0);     // once: 1.5
  EXPECT_EQ(sample({2, 1.2f}, frequency, {1, 0, 0}, 1), 1);  // twice: 1.0
  const SamplingParams presence{.presence_penalty = 0.5f};
  EXPECT_EQ(sample({2, 1.2f}, presence, {1, 0, 0, 0}, 1), 0);  // once, however often: 1.5
  EXPECT_EQ(sample({2, 1.6f}, presence, {1, 0}, 1), 1);
}

TEST(Sampler, presence_is_subtracted_before_the_repetition_penalty_divides) {
  const SamplingParams params{.repeat_penalty = 2, .presence_penalty = 2};
  EXPECT_EQ(sample({4, 1.5f}, params, {1, 0}, 2), 0);  // in the prompt only: 4 / 2
  EXPECT_EQ(sample({4, 0.9f}, params, {0, 0}, 1), 0);  // (4 - 2) / 2 = 1, not 4 / 2 - 2
}

int32_t sample_biased(const Logits& logits, const SamplingParams& params, const std::vector<LogitBias>& biases,
                      const Tokens& tokens = {0}) {
  HostSampler sampler(static_cast<int>(logits.size()));
  return sampler.sample(logits, tokens, 1, params, biases);
}

TEST(Sampler, a_bias_is_added_to_the_logit) {
  EXPECT_EQ(sample_biased({1, 2, 0}, {}, {{0, 1.5f}}), 0);
  EXPECT_EQ(sample_biased({1, 2, 0}, {}, {{0, 0.9f}}), 1);
  EXPECT_EQ(sample_biased({1, 2, 0}, {}, {{1, -1.5f}}), 0);
  EXPECT_EQ(sample_biased({1, 2, 0}, {}, {{2, 1.2f}, {2, 1.2f}}), 2);  // biases of one token add up
  EXPECT_EQ(sample_biased({1, 2, 0}, {}, {}), 1);
}

TEST(Sampler, the_least_bias_bans_and_the_largest_forces_at_any_usual_temperature) {
  HostSampler sampler(3);
  Tokens tokens = {0};
  const std::vector<LogitBias> ban = {{1, -100}}, force = {{2, 100}};
  for (const float temperature : {0.0f, 1.0f, 2.0f}) {
    for (int i = 0; i < 200; ++i, tokens.push_back(0)) {
      const SamplingParams params{.temperature = temperature, .repeat_penalty = 1 + 0.1f * float(i % 2), .seed = 3};
      EXPECT_NE(sampler.sample(Logits{-200, 300, 0}, tokens, 1, params, ban), 1);
      EXPECT_EQ(sampler.sample(Logits{10, 30, -20}, tokens, 1, params, force), 2);
    }
  }
  EXPECT_EQ(sample_biased({1, 2}, {}, {{0, -100}, {1, -100}}), -1);  // nothing is left
}

TEST(Sampler, biases_come_before_penalties_and_hide_no_damage) {
  const SamplingParams half{.repeat_penalty = 2};
  EXPECT_EQ(sample_biased({1, 3}, half, {{0, 4}}), 1);  // (1 + 4) / 2 < 3, though 1 / 2 + 4 > 3
  EXPECT_EQ(sample_biased({-1, 0.4f}, half, {{0, 2}}), 0);
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(sample_biased({nan, 1}, {}, {{0, -100}}), -1);
  EXPECT_EQ(sample_biased({infinity, 1}, {}, {{0, -100}}), -1);
}

TEST(Sampler, ids_beyond_the_tokenizers_are_not_sampled) {
  HostSampler sampler(4, 2);
  EXPECT_EQ(sampler.sample(Logits{1, 2, 8, 9}, Tokens{0}, 1, {}), 1);
  EXPECT_EQ(sampler.sample(Logits{1, 2, 8, 9}, Tokens{3, 1}, 1, {.repeat_penalty = 3}), 0);
}

TEST(Sampler, working_memory_carries_nothing_from_call_to_call) {
  HostSampler sampler(3);
  const SamplingParams params{.repeat_penalty = 2, .frequency_penalty = 1};
  const Logits logits = {4, 3, 1};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sampler.sample(logits, Tokens{2, 0, 0}, 1, params), 1);
  EXPECT_EQ(sampler.sample(logits, Tokens{2}, 1, params), 0);
}

TEST(Sampler, top_k_keeps_the_k_most_probable) {
  const auto counts = histogram(logs_of({0.1, 0.4, 0.2, 0.3}), {.temperature = 1, .top_k = 2}, 500);
  EXPECT_EQ(counts[0] + counts[2], 0);
  EXPECT_GT(counts[1], 0);
  EXPECT_GT(counts[3], 0);
}

TEST(Sampler, top_p_keeps_the_smallest_prefix_that_reaches_it) {
  const Logits logits = logs_of({0.1, 0.4, 0.2, 0.3});
  const auto two = histogram(logits, {.temperature = 1, .top_p = 0.65f}, 500);
  EXPECT_EQ(two[0] + two[2], 0);
  EXPECT_TRUE(two[1] > 0 && two[3] > 0);
  const auto three = histogram(logits, {.temperature = 1, .top_p = 0.75f}, 500);
  EXPECT_EQ(three[0], 0);
  EXPECT_GT(three[2], 0);
}

TEST(Sampler, min_p_is_relative_to_the_most_probable) {
  const auto counts = histogram(logs_of({0.1, 0.4, 0.2, 0.3}), {.temperature = 1, .min_p = 0.45f}, 500);
  EXPECT_EQ(counts[0], 0);
  EXPECT_TRUE(counts[1] > 0 && counts[2] > 0 && counts[3] > 0);
}

// Chi-square over 20000 draws against the exact probabilities; 99.9 % quantile of 4 degrees of freedom.
TEST(Sampler, draws_follow_the_distribution_at_any_temperature) {
  const std::vector<double> p = {0.05, 0.4, 0.15, 0.3, 0.1};
  for (const double temperature : {0.7, 1.0, 1.6}) {
    double total = 0;
    for (const double x : p) total += std::pow(x, 1 / temperature);
    constexpr int kDraws = 20000;
    const auto counts = histogram(logs_of(p), {.temperature = static_cast<float>(temperature), .seed = 11}, kDraws);
    double chi_square = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const double expected = kDraws * std::pow(p[i], 1 / temperature) / total;
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    EXPECT_LT(chi_square, 18.47) << "temperature " << temperature;
  }
}

TEST(Sampler, the_same_seed_and_position_draw_the_same_token) {
  const Logits logits = logs_of({0.2, 0.2, 0.2, 0.2, 0.2});
  const SamplingParams a{.temperature = 1, .seed = 5}, b{.temperature = 1, .seed = 6};
  EXPECT_EQ(histogram(logits, a, 50), histogram(logits, a, 50));
  EXPECT_NE(histogram(logits, a, 50), histogram(logits, b, 50));
}

TEST(Sampler, logits_that_are_not_finite_give_no_token) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {infinity, nan}) {
    EXPECT_EQ(sample({1, bad, 2}, {}), -1);
    EXPECT_EQ(sample({1, bad, 2}, {.repeat_penalty = 2}, {1}), -1);
    EXPECT_EQ(sample({1, bad, 2}, {.temperature = 1, .presence_penalty = 1}, {0, 1}), -1);
  }
  EXPECT_EQ(sample({-infinity, 1}, {.repeat_penalty = 2}), 1);
}

TEST(Sampler, parameters_out_of_range_are_refused_by_name) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<SamplingParams, std::string>> cases = {{{.temperature = -1}, "temperature"},
                                                                     {{.temperature = nan}, "temperature"},
                                                                     {{.top_k = -1}, "top_k"},
                                                                     {{.top_p = 0}, "top_p"},
                                                                     {{.top_p = 1.5f}, "top_p"},
                                                                     {{.min_p = 2}, "min_p"},
                                                                     {{.repeat_penalty = 0}, "repeat_penalty"},
                                                                     {{.frequency_penalty = nan}, "frequency_penalty"},
                                                                     {{.presence_penalty = 1000}, "presence_penalty"}};
  for (const auto& [params, name] : cases) {
    try {
      check_sampling_params(params);
      ADD_FAILURE() << name << " was not refused";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find(name), 0u) << error.what();
    }
  }
  EXPECT_NO_THROW(check_sampling_params({}));
}

}  // namespace
}  // namespace quandex
