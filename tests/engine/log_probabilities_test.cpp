#include "engine/log_probabilities.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace quandex {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(LogProbabilities, are_of_the_softmax) {
  const std::vector<float> logits = {1000, 1001, 999};
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - 1001);
  const LogProbabilities probabilities(logits);
  EXPECT_TRUE(probabilities.is_valid());
  EXPECT_FLOAT_EQ(probabilities.of(0), static_cast<float>(-1 - std::log(total)));
  EXPECT_EQ(probabilities.of(3), -kInfinity);
  EXPECT_EQ(probabilities.of(-1), -kInfinity);
}

TEST(LogProbabilities, the_most_likely_come_first_and_equals_by_id) {
  const std::vector<float> logits = {1, 3, -2, 3, 2, 1};
  const LogProbabilities probabilities(logits);
  std::array<TokenLogprob, 4> room;
  const auto top = probabilities.top(room);
  ASSERT_EQ(top.size(), 4u);
  const std::array<int32_t, 4> want = {1, 3, 4, 0};
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(top[i], (TokenLogprob{want[i], probabilities.of(want[i])}));
  EXPECT_TRUE(probabilities.top({}).empty());
}

TEST(LogProbabilities, there_are_no_more_tokens_than_the_row_has) {
  const std::vector<float> logits = {-kInfinity, 3};
  std::array<TokenLogprob, 4> room;
  const auto top = LogProbabilities(logits).top(room);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].id, 1);
  EXPECT_EQ(top[0].logprob, 0);
  EXPECT_EQ(top[1], (TokenLogprob{0, -kInfinity}));
}

TEST(LogProbabilities, the_top_of_random_rows_is_that_of_a_sort) {
  std::mt19937 random(3);
  std::array<TokenLogprob, kMostTopLogprobs> room;
  for (int row = 0; row < 200; ++row) {
    std::vector<float> logits(1 + random() % 60);
    for (float& logit : logits) logit = static_cast<float>(random() % 30) - 15;
    std::vector<int32_t> ids(logits.size());
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
    std::ranges::stable_sort(ids, [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
    const LogProbabilities probabilities(logits);
    const auto top = probabilities.top(std::span(room).first(1 + random() % room.size()));
    for (size_t i = 0; i < top.size(); ++i) EXPECT_EQ(top[i], (TokenLogprob{ids[i], probabilities.of(ids[i])}));
  }
}

TEST(LogProbabilities, a_row_that_is_not_finite_has_none) {
  EXPECT_FALSE(LogProbabilities(std::vector<float>{1, kInfinity}).is_valid());
  EXPECT_FALSE(LogProbabilities(std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1}).is_valid());
  EXPECT_FALSE(LogProbabilities(std::vector<float>{-kInfinity, -kInfinity}).is_valid());
  EXPECT_TRUE(LogProbabilities(std::vector<float>{-kInfinity, -3}).is_valid());
}

}  // namespace
}  // namespace quandex
