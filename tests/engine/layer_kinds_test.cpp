// Models whose layers differ: windows of several widths, head shapes, rotations, experts. What the engine does with
// their K/V must not show in the numbers.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/tiny_engine.h"
#include "support/random_model.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

struct RandomEngine {
  explicit RandomEngine(const RandomModel& model, const EngineOptions& options,
                        const std::string& backend_name = "reference")
      : backend(backend_name), engine(model.load(*backend), *backend, options) {}
  TinyBackend backend;
  Engine engine;
};

// Two windows and full attention, alternating.
RandomModel windowed(int narrow, int wide) {
  return RandomModel({{.window = narrow, .rope = 2},
                      {.window = wide, .heads = {2, 1, 16}},
                      {.rope = 1},
                      {.window = narrow},
                      {.window = wide}});
}

std::vector<float> whole_step(const RandomModel& model, std::span<const int32_t> tokens) {
  const auto backend = make_reference_backend();
  return run_tokens(model.load(*backend), *backend, tokens, DType::f16);
}

struct Windows {
  int narrow, wide;
};

// Narrower than a block, of blocks and a bit, of one position, and wider than the context.
class LayerWindows : public testing::TestWithParam<Windows> {
 protected:
  RandomModel model_ = windowed(GetParam().narrow, GetParam().wide);
};
INSTANTIATE_TEST_SUITE_P(Widths, LayerWindows,
                         testing::Values(Windows{7, 40}, Windows{1, 33}, Windows{64, 5000}, Windows{1, 4096}),
                         [](const auto& info) { return fmt::format("{}_{}", info.param.narrow, info.param.wide); });

TEST_P(LayerWindows, logits_far_behind_a_window_equal_one_whole_step) {
  const auto tokens = tiny_prompt(150, 6);
  const std::vector<float> want = whole_step(model_, tokens);
  for (const int budget : {1, 13, 256}) {
    RandomEngine tiny(model_, {.n_ctx = 160, .token_budget = budget});
    EXPECT_EQ(tiny.engine.logits(tokens, true), want) << "in chunks of " << budget;
    for (int g = 0; g < 3; ++g) EXPECT_EQ(tiny.engine.scheduler().pool(g).n_used(), 0);
  }
}

TEST_P(LayerWindows, blocks_behind_a_window_are_given_back_while_a_sequence_runs) {
  constexpr int kBudget = 10, kPrompt = 120;
  RandomEngine tiny(model_, {.n_ctx = 160, .token_budget = kBudget, .reuse_prefixes = false}, "cpu");
  Request r;
  r.prompt = tiny_prompt(kPrompt, 2);
  r.max_tokens = 30;
  tiny.engine.submit(r);
  int n_positions = 0, n_steps = 0;
  const auto ignore = [](uint64_t, const Event&) { return true; };
  do {
    const int n_new = n_positions < kPrompt ? kBudget : 1;
    tiny.engine.step(ignore);
    if (!tiny.engine.has_work()) break;
    n_positions += n_new;
    ++n_steps;
    for (int g = 0; g < 3; ++g) {
      const int window = model_.config.kv_group_windows[static_cast<size_t>(g)];
      // What the step's first token sees and what the step has added.
      const int first = window > 0 ? std::max(0, n_positions - n_new - window + 1) / kBlockSize : 0;
      const int expected = (n_positions + kBlockSize - 1) / kBlockSize - first;
      EXPECT_EQ(tiny.engine.scheduler().pool(g).n_used(), expected) << "group " << g << ", step " << n_steps;
    }
  } while (true);
  EXPECT_EQ(n_steps, kPrompt / kBudget + 28);  // the last step ends the request
}

std::vector<Request> long_requests() {
  std::vector<Request> requests(4);
  for (int i = 0; i < 4; ++i) {
    Request& r = requests[static_cast<size_t>(i)];
    r.prompt = tiny_prompt(70, 3);  // all begin alike
    const auto own = tiny_prompt(10 + 20 * i, i);
    r.prompt.insert(r.prompt.end(), own.begin(), own.end());
    r.max_tokens = 8 + 9 * (i % 3);
    r.n_top_logprobs = 0;
  }
  requests[1].sampling = {.temperature = 1, .top_k = 30, .seed = 8};
  return requests;
}

std::vector<Outcome> run_alone(const RandomModel& model, const std::vector<Request>& requests,
                               const std::string& backend, DType kv_type) {
  std::vector<Outcome> outcomes;
  for (const Request& request : requests) {
    RandomEngine tiny(model, {.n_ctx = 192, .kv_type = kv_type, .reuse_prefixes = false}, backend);
    outcomes.push_back(run_requests(tiny.engine, {request}).front());
  }
  return outcomes;
}

void expect_same(const std::vector<Outcome>& got, const std::vector<Outcome>& want, const char* what) {
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].error, "") << what;
    EXPECT_EQ(got[i].tokens, want[i].tokens) << what << ", request " << i;
    EXPECT_EQ(got[i].logprobs, want[i].logprobs) << what << ", request " << i;
  }
}

// Alone = batched = chunked = preempted = behind a prefix hit.
void expect_invariant(const RandomModel& model, const std::string& backend, DType kv_type = DType::f16) {
  const auto requests = long_requests();
  const auto alone = run_alone(model, requests, backend, kv_type);
  RandomEngine batched(model, {.n_ctx = 192, .max_sequences = 4, .kv_type = kv_type, .n_kv_blocks = 40}, backend);
  expect_same(run_requests(batched.engine, requests), alone, "batched");
  const auto again = run_requests(batched.engine, requests);
  expect_same(again, alone, "behind a prefix hit");
  for (const Outcome& outcome : again) EXPECT_GE(outcome.finished->n_cached, 64);
  RandomEngine chunked(model, {.n_ctx = 192, .max_sequences = 3, .token_budget = 19, .kv_type = kv_type}, backend);
  expect_same(run_requests(chunked.engine, requests), alone, "chunked");
  RandomEngine tight(model,
                     {.n_ctx = 192, .max_sequences = 4, .kv_type = kv_type, .n_kv_blocks = 6, .reuse_prefixes = false},
                     backend);
  expect_same(run_requests(tight.engine, requests), alone, "short of blocks");
}

TEST_P(LayerWindows, company_chunks_and_prefix_hits_change_nothing) { expect_invariant(model_, "cpu"); }

TEST(LayerKinds, company_chunks_and_prefix_hits_change_nothing_on_reference) {
  RandomModel model({{.window = 7, .has_post_norms = true},
                     {.window = 40, .routing = {4, 2, RouteScore::sigmoid, true, 1}, .has_post_norms = true},
                     {.softcap = 4}});
  expect_invariant(model, "reference");
}

TEST(LayerKinds, company_chunks_and_prefix_hits_change_nothing_on_cpu) {
  for (const DType type : {DType::f16, DType::q8_0, DType::q5_1})
    expect_invariant(RandomModel(every_kind_of_layer(), type), "cpu");
}

// Widths of 64, 160 and 96 values a slot: one matrix of 32 columns holds them, rows of whole blocks.
TEST(LayerKinds, keys_and_values_in_q8_0_may_differ_in_width) {
  const RandomModel model({{.window = 40, .has_qk_norm = true},
                           {.heads = {5, 5, 32}, .rope = 2},
                           {.window = 7, .heads = {4, 1, 96}, .softcap = 3}});
  for (const char* backend : {"reference", "cpu"}) expect_invariant(model, backend, DType::q8_0);
}

}  // namespace
}  // namespace quandex
