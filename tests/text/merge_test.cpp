#include "text/merge.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace quandex {
namespace {

using Rules = std::map<std::pair<int32_t, int32_t>, MergeResult>;

// Joins the best pair, of equals the leftmost, until there is none: what merging is.
std::vector<int32_t> merged_by_definition(std::vector<int32_t> tokens, const Rules& rules) {
  for (;;) {
    const MergeResult* best = nullptr;
    size_t at = 0;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto rule = rules.find({tokens[i], tokens[i + 1]});
      if (rule == rules.end() || (best != nullptr && rule->second.order >= best->order)) continue;
      best = &rule->second;
      at = i;
    }
    if (best == nullptr) return tokens;
    tokens[at] = best->token;
    tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
}

std::vector<int32_t> merged(Merger& merger, const std::vector<int32_t>& tokens, const Rules& rules) {
  merger.clear();
  uint32_t end = 0;
  for (const int32_t token : tokens) merger.add(++end, token);
  merger.merge([&](const MergeSymbol& left, const MergeSymbol& right) -> std::optional<MergeResult> {
    const auto rule = rules.find({left.token, right.token});
    if (rule == rules.end()) return std::nullopt;
    return rule->second;
  });
  std::vector<int32_t> out;
  uint32_t position = 0;
  merger.for_each([&](const MergeSymbol& symbol) {
    EXPECT_EQ(symbol.begin, position);
    EXPECT_GT(symbol.end, symbol.begin);
    position = symbol.end;
    out.push_back(symbol.token);
  });
  EXPECT_EQ(position, tokens.size());
  return out;
}

// Rules as a trained vocabulary has them, or with orders that no training gives: equal ones, and better ones for tokens
// that come about later.
Rules random_rules(std::mt19937& random, int n_letters, int n_rules, bool is_trained) {
  Rules rules;
  for (int i = 0; i < n_rules; ++i) {
    const auto token = [&] { return static_cast<int32_t>(random() % static_cast<unsigned>(n_letters + i)); };
    const uint32_t order = is_trained ? static_cast<uint32_t>(i) : random() % 8;
    rules.try_emplace({token(), token()}, MergeResult{order, n_letters + i});
  }
  return rules;
}

TEST(Merger, few_and_many_symbols_merge_as_the_definition_says) {
  std::mt19937 random(21);
  Merger merger;  // one for all, as encoders use it
  for (int round = 0; round < 300; ++round) {
    const int n_letters = 1 + static_cast<int>(random() % 4);
    const Rules rules = random_rules(random, n_letters, 1 + static_cast<int>(random() % 60), round % 2 == 0);
    const size_t n = round % 3 == 0 ? 200 + random() % 400 : random() % 24;
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < n; ++i) tokens.push_back(static_cast<int32_t>(random() % static_cast<unsigned>(n_letters)));
    ASSERT_EQ(merged(merger, tokens, rules), merged_by_definition(tokens, rules)) << "round " << round;
  }
}

TEST(Merger, looks_a_long_run_up_a_few_times_a_symbol) {
  for (const bool is_trained : {true, false}) {
    Rules rules;  // two of anything become one of the next size; the other way round all have one order
    for (int32_t token = 0; token < 12; ++token)
      rules[{token, token}] = {is_trained ? static_cast<uint32_t>(token) : 0, token + 1};
    Merger merger;
    constexpr size_t kLength = 1'000'000;
    for (uint32_t i = 0; i < kLength; ++i) merger.add(i + 1, 0);
    size_t n_looked_up = 0;
    merger.merge([&](const MergeSymbol& left, const MergeSymbol& right) -> std::optional<MergeResult> {
      ++n_looked_up;
      const auto rule = rules.find({left.token, right.token});
      if (rule == rules.end()) return std::nullopt;
      return rule->second;
    });
    EXPECT_LE(n_looked_up, 3 * kLength);
    size_t n_left = 0;
    merger.for_each([&](const MergeSymbol&) { ++n_left; });
    EXPECT_LT(n_left, kLength / 4096 + 13) << is_trained;
  }
}

}  // namespace
}  // namespace quandex
