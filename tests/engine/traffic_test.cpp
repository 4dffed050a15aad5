// Random traffic through whole engines: whatever is scheduled beside it, a request has the tokens that it has alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "engine/tiny_engine.h"

namespace quandex {
namespace {

class Traffic {
 public:
  explicit Traffic(uint32_t seed) : random_(seed) {}

  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  Request request() {
    Request r;
    const int n_common = below(2) == 0 ? 40 : below(50), n_own = 1 + below(30);
    r.prompt = tiny_prompt(n_common, below(2));  // of a few beginnings
    const auto own = tiny_prompt(n_own, below(1000));
    r.prompt.insert(r.prompt.end(), own.begin(), own.end());
    r.max_tokens = 1 + below(40);
    if (below(2) == 0)
      r.sampling = {.temperature = 1.1f, .top_k = below(40), .top_p = 0.95f, .seed = uint64_t(below(99))};
    if (below(4) == 0) r.sampling.repeat_penalty = 1.2f;
    if (below(4) == 0) r.logit_bias = {{below(97), 4}, {below(97), -100}};
    if (below(3) == 0) r.n_top_logprobs = below(5);
    r.wants_prompt_logprobs = below(6) == 0;
    if (r.wants_prompt_logprobs && below(2) == 0) r.max_tokens = 0;
    r.priority = below(4) / 3;
    r.client = uint64_t(below(4));
    return r;
  }

  EngineOptions options(bool is_paced) {
    EngineOptions options{.n_ctx = 128, .max_sequences = 2 + below(4), .token_budget = 5 + below(60)};
    options.n_kv_blocks = 4 + below(6);
    options.reuse_prefixes = below(4) != 0;
    // Chunks by the clock: other ones in another run.
    options.max_step_ms = is_paced ? 0.02 * (1 + below(50)) : 0;
    options.explain_cache = below(2) == 0;
    return options;
  }

 private:
  std::mt19937 random_;
};

struct Machine {
  const char *architecture, *backend;
  DType type;
  bool has_window;
  int n_rounds;
};

class TrafficOn : public testing::TestWithParam<Machine> {};
INSTANTIATE_TEST_SUITE_P(Machines, TrafficOn,
                         testing::Values(Machine{"llama", "reference", DType::f32, true, 3},
                                         Machine{"qwen3", "cpu", DType::f16, false, 20},
                                         Machine{"llama", "cpu", DType::q4_0, true, 20}),
                         [](const auto& info) {
                           return fmt::format("{}_{}", info.param.backend, format_of(info.param.type).name);
                         });

TEST_P(TrafficOn, every_request_has_the_tokens_that_it_has_alone) {
  TinyModel model(GetParam().architecture, GetParam().type);
  if (GetParam().has_window) model.set_window(20);
  Traffic traffic(11);
  std::vector<Request> requests;
  for (int i = 0; i < 24; ++i) requests.push_back(traffic.request());
  TinyEngine one(model, {.n_ctx = 128, .reuse_prefixes = false}, GetParam().backend);
  std::vector<Outcome> alone;
  for (const Request& request : requests) alone.push_back(run_requests(one.engine, {request}).front());

  uint64_t n_preemptions = 0, n_hits = 0;
  int n_cancelled = 0;
  for (int round = 0; round < GetParam().n_rounds; ++round) {
    Traffic events{static_cast<uint32_t>(round)};
    TinyEngine tiny(model, traffic.options(round % 2 == 1), GetParam().backend);
    Engine& engine = tiny.engine;
    std::map<uint64_t, size_t> index;  // of the request with an id
    std::map<uint64_t, Outcome> outcomes;
    const auto on_event = [&](uint64_t id, const Event& event) {
      outcomes[id].add(event);
      return events.below(150) != 0;
    };
    for (size_t i = 0; index.size() < requests.size() || engine.has_work(); ++i) {
      ASSERT_LT(i, 5000u);
      for (int n = events.below(3); n > 0 && index.size() < requests.size(); --n) {
        const size_t next = index.size();
        index[engine.submit(requests[next])] = next;
      }
      if (events.below(40) == 0) engine.cancel(1 + uint64_t(events.below(24)));
      engine.step(on_event);
      ASSERT_EQ(engine.scheduler().check_integrity(), std::nullopt);
    }
    const EngineStatus status = engine.status();
    EXPECT_EQ(status.n_used_blocks, 0);
    EXPECT_EQ(status.n_free_blocks + status.n_cached_blocks, status.n_kv_blocks);
    if (round % 2 == 0) {
      n_preemptions += status.counters.n_preemptions;
      n_hits += status.counters.n_prefix_hits;
    }
    for (const auto& [id, i] : index) {
      Outcome& got = outcomes[id];
      ASSERT_TRUE(got.finished) << got.error;
      Outcome want = alone[i];
      if (got.finished->reason == FinishReason::cancelled) {
        ++n_cancelled;
        ASSERT_LE(got.output.size(), want.output.size());
        want.output.resize(got.output.size());
        want.prompt.resize(got.prompt.size());
      } else {
        EXPECT_EQ(got.finished->reason, want.finished->reason);
        EXPECT_EQ(got.finished->n_output, want.finished->n_output);
      }
      EXPECT_EQ(got.output, want.output) << "round " << round << " request " << i;
      EXPECT_EQ(got.prompt, want.prompt) << "round " << round << " request " << i;
    }
  }
  EXPECT_GT(n_preemptions, 1u);  // the traffic did exercise what it is for
  EXPECT_GT(n_hits, 3u);
  EXPECT_GT(n_cancelled, 3);
}

// A prompt of many blocks, asked for many times at once: it is computed once, and each choice has its own tokens.
TEST_P(TrafficOn, choices_of_one_prompt_compute_it_once) {
  const TinyModel model(GetParam().architecture, GetParam().type);
  std::vector<Request> requests(5);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = tiny_prompt(100, 3);
    requests[i].max_tokens = 5;
    requests[i].sampling = {.temperature = 1.5f, .seed = i};
  }
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 5, .token_budget = 17}, GetParam().backend);
  const auto outcomes = run_requests(tiny.engine, requests);
  EXPECT_EQ(tiny.engine.counters().n_computed_tokens, 100u + 4 * 4 + 5 * 4);
  for (size_t i = 0; i < requests.size(); ++i) {
    TinyEngine one(model, {.n_ctx = 128}, GetParam().backend);
    EXPECT_EQ(outcomes[i].tokens, run_requests(one.engine, {requests[i]}).front().tokens);
    EXPECT_EQ(outcomes[i].finished->n_cached, i == 0 ? 0 : 96);
  }
}

}  // namespace
}  // namespace quandex
