// Why a prompt was not reused: the first token that the cache does not hold.
#include <gtest/gtest.h>

#include "engine/scheduler_simulation.h"
#include "engine/tiny_engine.h"

namespace quandex {
namespace {

using Tokens = std::vector<int32_t>;

TEST(BlockPool, the_likest_block_has_the_longest_beginning_in_common) {
  BlockPool pool(6, 4);
  const auto index = [&](uint64_t parent, const Tokens& tokens) { pool.index(*pool.take(), parent, tokens); };
  EXPECT_EQ(pool.find_likest(7, Tokens{1, 2}).n_common, 0);
  EXPECT_EQ(pool.find_likest(7, Tokens{1, 2}).next, std::nullopt);
  index(7, {1, 2, 3, 4});
  index(7, {1, 9, 3, 4});
  index(7, {5, 6});
  index(8, {1, 2, 9, 9});
  const auto likest = [&](const Tokens& tokens) {
    const BlockPool::Likest found = pool.find_likest(7, tokens);
    return std::pair(found.n_common, found.next.value_or(-1));
  };
  EXPECT_EQ(likest({1, 2, 9, 9}), std::pair(2, 3));
  EXPECT_EQ(likest({1, 2, 3, 4}), std::pair(4, -1));
  EXPECT_EQ(likest({5, 6, 7, 8}), std::pair(2, -1));  // nothing behind it
  EXPECT_EQ(likest({1, 9}), std::pair(2, 3));
  EXPECT_EQ(likest({4}).first, 0);
  EXPECT_NE(likest({4}).second, -1);  // something else begins there
  EXPECT_EQ(pool.find_likest(9, Tokens{1, 2}).next, std::nullopt);
}

class CacheBreakTest : public testing::Test {
 protected:
  std::optional<CacheBreak> break_of(const Tokens& prompt, bool reuse = true) {
    Request request;
    request.prompt = prompt;
    request.max_tokens = 3;
    request.wants_prompt_logprobs = !reuse;
    return run_requests(tiny_.engine, {request}).front().finished->cache_break;
  }

  TinyModel model_{"llama"};
  TinyEngine tiny_{model_, {.n_ctx = 256, .n_kv_blocks = 64, .explain_cache = true}};
};

TEST_F(CacheBreakTest, is_the_first_token_that_differs) {
  const Tokens prompt = tiny_prompt(100, 1);
  EXPECT_EQ(break_of(prompt), (CacheBreak{0, prompt[0], std::nullopt}));  // the cache is empty
  EXPECT_EQ(break_of(prompt), std::nullopt);                              // all but the last is there
  for (const int position : {0, 1, 31, 32, 42, 64, 95}) {
    Tokens other = prompt;
    int32_t& token = other[size_t(position)];
    token = (token + 1) % 97;
    EXPECT_EQ(break_of(other), (CacheBreak{position, token, prompt[size_t(position)]})) << position;
  }
}

TEST_F(CacheBreakTest, has_nothing_in_its_place_where_the_cache_ends) {
  Tokens prompt = tiny_prompt(64, 1);
  break_of(prompt);
  const Tokens more = tiny_prompt(50, 9);
  prompt.insert(prompt.end(), more.begin(), more.end());
  const auto found = break_of(prompt);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, 64);
  EXPECT_EQ(found->token, more[0]);
  EXPECT_NE(found->cached, std::nullopt);                                          // what was generated behind it
  EXPECT_EQ(break_of(Tokens(prompt.begin(), prompt.begin() + 50)), std::nullopt);  // nothing in it differs
}

TEST_F(CacheBreakTest, is_not_looked_for_where_nobody_asked_or_reuse_was_off) {
  const Tokens prompt = tiny_prompt(100, 1);
  break_of(prompt);
  Tokens other = prompt;
  other[40] = (other[40] + 1) % 97;
  EXPECT_EQ(break_of(other, false), std::nullopt);
  TinyEngine quiet(model_, {.n_ctx = 256});
  Request request;
  request.prompt = prompt;
  EXPECT_EQ(run_requests(quiet.engine, {request}).front().finished->cache_break, std::nullopt);
}

TEST(CacheBreak, goes_on_behind_blocks_that_only_a_window_lacks) {
  SchedulerSimulation sim({.block_size = 4, .n_ctx = 64, .explain_cache = true, .groups = {{0, 30}, {4, 4}}}, 1);
  Tokens prompt;
  for (int i = 0; i < 40; ++i) prompt.push_back(i * i % kSimulatedVocab);
  sim.add(prompt, 41);
  sim.run_to_the_end(8);
  Tokens other = prompt;
  other[21] = (other[21] + 1) % kSimulatedVocab;
  const Sequence& s = sim.add(other, 41);
  sim.run_to_the_end(8);
  ASSERT_TRUE(s.cache_break);
  EXPECT_EQ(*s.cache_break, (CacheBreak{21, other[21], prompt[21]}));
  EXPECT_LE(s.n_cached, 20);
}

}  // namespace
}  // namespace quandex
