#include "backend/sample_row.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "backend/command_batch.h"

namespace quandex {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

int32_t sample(const std::vector<float>& logits, const SampleParameters& parameters) {
  SampleScratch scratch;
  return sample_row(logits, parameters, scratch);
}

// How often each id comes over many output indices.
std::map<int32_t, int> histogram(const std::vector<float>& logits, SampleParameters parameters, int n) {
  std::map<int32_t, int> counts;
  for (int i = 0; i < n; ++i) {
    parameters.output_index = i;
    ++counts[sample(logits, parameters)];
  }
  return counts;
}

TEST(SampleRow, greedy_takes_the_lowest_id_of_a_tie) {
  EXPECT_EQ(sample({1, 5, 2, 5}, {}), 1);
  EXPECT_EQ(sample({-kInfinity, -3, -kInfinity}, {}), 1);
}

TEST(SampleRow, rows_without_an_answer_give_minus_one) {
  for (const float temperature : {0.0f, 1.0f}) {
    SampleParameters parameters;
    parameters.temperature = temperature;
    EXPECT_EQ(sample({1, NAN, 3}, parameters), -1);
    EXPECT_EQ(sample({1, kInfinity}, parameters), -1);
    EXPECT_EQ(sample({-kInfinity, -kInfinity}, parameters), -1);
  }
}

TEST(SampleRow, frequencies_follow_the_softmax) {
  SampleParameters parameters;
  parameters.temperature = 2;
  parameters.seed = 7;
  const std::vector<float> logits{0, 2, 4, -2};
  constexpr int kDraws = 20000;
  auto counts = histogram(logits, parameters, kDraws);
  double total = 0, chi_square = 0;
  for (const float l : logits) total += std::exp(l / 2.0);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(logits[i] / 2.0) / total;
    const double difference = counts[static_cast<int32_t>(i)] - expected;
    chi_square += difference * difference / expected;
  }
  EXPECT_LT(chi_square, 16.3);  // 3 degrees of freedom, p = 0.001; the seed is fixed
}

TEST(SampleRow, each_cut_keeps_exactly_what_it_says) {
  const std::vector<float> logits{std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  const auto kept = [&](SampleParameters parameters) {
    parameters.temperature = 1;
    std::vector<int32_t> ids;
    for (const auto& [id, count] : histogram(logits, parameters, 3000)) ids.push_back(id);
    return ids;
  };
  EXPECT_EQ(kept({}), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(kept({.top_k = 2}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(kept({.top_p = 0.65f}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(kept({.top_p = 0.75f}), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(kept({.top_p = 0.0f}), (std::vector<int32_t>{1}));
  EXPECT_EQ(kept({.min_p = 0.4f}), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(kept({.min_p = 1.0f}), (std::vector<int32_t>{1}));
}

TEST(SampleRow, a_cut_that_removes_nothing_changes_nothing) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(static_cast<float>(i) * 12.9898f) * 3;
  for (int i = 0; i < 200; ++i) {
    SampleParameters plain{.temperature = 0.8f, .seed = 99, .output_index = i};
    SampleParameters cut = plain;
    cut.top_k = 1000;
    EXPECT_EQ(sample(logits, plain), sample(logits, cut));
    cut.top_k = 999999;
    EXPECT_EQ(sample(logits, plain), sample(logits, cut));
  }
}

TEST(SampleRow, ids_that_do_not_exist_are_never_sampled_whatever_their_logits_are) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float beyond : {9.0f, nan, std::numeric_limits<float>::infinity()}) {
    const std::vector<float> logits{1, 2, 0.5f, beyond, 9};
    SampleParameters parameters{.n_ids = 3};
    EXPECT_EQ(sample(logits, parameters), 1);
    parameters.temperature = 5;
    for (const auto& [id, n] : histogram(logits, parameters, 300)) EXPECT_TRUE(id >= 0 && id < 3 && n > 0);
    parameters.top_k = 2;
    parameters.top_p = 0.99f;
    for (const auto& [id, n] : histogram(logits, parameters, 300)) EXPECT_TRUE(id >= 0 && id < 2 && n > 0);
  }
  EXPECT_EQ(sample({nan, nan, 1}, {.n_ids = 2}), -1);
  EXPECT_EQ(sample({1, 2}, {.n_ids = 7}), 1);
}

TEST(SampleRow, parameters_survive_the_device_row) {
  const SampleParameters in{.temperature = 0.7f,
                            .top_p = 0.9f,
                            .min_p = 0.05f,
                            .top_k = 40,
                            .seed = 0xFEDCBA9876543210u,
                            .output_index = 5,
                            .n_ids = 77};
  std::array<int32_t, kSampleColumns> row{};
  pack_sample_parameters(in, row);
  const SampleParameters out = unpack_sample_parameters(row);
  EXPECT_EQ(out.temperature, in.temperature);
  EXPECT_EQ(out.top_p, in.top_p);
  EXPECT_EQ(out.min_p, in.min_p);
  EXPECT_EQ(out.top_k, in.top_k);
  EXPECT_EQ(out.seed, in.seed);
  EXPECT_EQ(out.output_index, in.output_index);
  EXPECT_EQ(out.n_ids, in.n_ids);
}

TEST(KeyedUniform, depends_on_both_keys_and_fills_the_interval) {
  double sum = 0, least = 1, most = 0;
  for (uint64_t i = 0; i < 10000; ++i) {
    const double u = keyed_uniform(3, i);
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
    EXPECT_NE(u, keyed_uniform(4, i));
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
  EXPECT_GE(least, 0.0);
  EXPECT_LT(least, 0.001);
  EXPECT_LT(most, 1.0);
  EXPECT_GT(most, 0.999);
}

}  // namespace
}  // namespace quandex
