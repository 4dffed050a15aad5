#include <gtest/gtest.h>

#include <algorithm>

#include "engine/tiny_engine.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

TEST(EngineLogits, all_positions_equal_one_whole_step_in_chunks_of_any_size) {
  for (const char* architecture : {"llama", "qwen3"}) {
    const TinyModel model(architecture);
    const auto tokens = tiny_prompt(75, 3);
    const auto backend = make_reference_backend();
    const std::vector<float> want = run_tokens(model.load(*backend), *backend, tokens, DType::f16);
    for (const int budget : {1, 5, 16, 100}) {
      TinyEngine tiny(model, {.n_ctx = 128, .token_budget = budget});
      EXPECT_EQ(tiny.engine.logits(tokens, true), want) << architecture << " in chunks of " << budget;
      EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
    }
  }
}

TEST(EngineLogits, the_last_position_alone_is_the_last_row_even_behind_a_prefix_hit) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 128, .token_budget = 10});
  const auto tokens = tiny_prompt(70, 4);
  const std::vector<float> all = tiny.engine.logits(tokens, true);
  const std::vector<float> last(all.end() - 97, all.end());
  EXPECT_EQ(tiny.engine.logits(tokens, false), last);
  const uint64_t before = tiny.engine.counters().n_computed_tokens;
  EXPECT_EQ(tiny.engine.logits(tokens, false), last);
  EXPECT_EQ(tiny.engine.counters().n_computed_tokens - before, 6u);  // two whole blocks were there
}

TEST(EngineLogits, greedy_generation_takes_the_largest_logit_of_each_prefix) {
  const TinyModel model("qwen3");
  TinyEngine tiny(model, {.n_ctx = 128});
  Request r;
  r.prompt = tiny_prompt(9, 5);
  r.max_tokens = 8;
  auto tokens = r.prompt;
  const Outcome outcome = run_requests(tiny.engine, {r}).front();
  ASSERT_EQ(outcome.tokens.size(), 8u);
  for (const int32_t token : outcome.tokens) {
    const std::vector<float> row = tiny.engine.logits(tokens, false);
    EXPECT_EQ(token, std::max_element(row.begin(), row.end()) - row.begin());
    tokens.push_back(token);
  }
}

TEST(EngineLogits, a_prompt_longer_than_the_context_is_refused) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 16});
  EXPECT_THROW(tiny.engine.logits(tiny_prompt(17, 0), true), Error);
  EXPECT_EQ(tiny.engine.logits(tiny_prompt(16, 0), true).size(), size_t(16 * 97));
}

}  // namespace
}  // namespace quandex
