// Log probabilities of prompts and their alternatives beside the logits of the same engine, and ids that are never
// sampled.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/tiny_engine.h"

namespace quandex {
namespace {

constexpr size_t kVocab = 97;  // of tiny models

Request reading(int length, int seed, int n_top) {
  Request r;
  r.prompt = tiny_prompt(length, seed);
  r.max_tokens = 3;
  r.n_top_logprobs = n_top;
  r.wants_prompt_logprobs = true;
  return r;
}

// What must be reported of a prompt, from the logits after each of its positions.
std::vector<Report> reports_of(const TinyModel& model, const Request& request, size_t n_ids = kVocab) {
  TinyEngine tiny(model, {.n_ctx = 128});
  const std::vector<float> rows = tiny.engine.logits(request.prompt, true);
  std::vector<Report> reports = {{0, request.prompt[0], std::nullopt, {}}};
  for (size_t p = 1; p < request.prompt.size(); ++p) {
    const LogProbabilities probabilities(std::span<const float>(rows).subspan((p - 1) * kVocab, n_ids));
    std::vector<TokenLogprob> top(size_t(request.n_top_logprobs.value_or(0)));
    probabilities.top(top);
    reports.push_back({int(p), request.prompt[p], probabilities.of(request.prompt[p]), top});
  }
  return reports;
}

TEST(PromptLogprobs, are_those_of_the_logits_whatever_the_pieces_and_the_company) {
  const TinyModel model("llama");
  const std::vector<Request> requests = {reading(60, 1, 3), reading(1, 2, 0), reading(2, 3, 20), reading(33, 4, 1)};
  std::vector<std::vector<Report>> want;
  for (const Request& request : requests) want.push_back(reports_of(model, request));
  for (const int max_sequences : {1, 3, 5})
    for (const int budget : {5, 16, 100}) {
      TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = max_sequences, .token_budget = budget});
      for (int round = 0; round < 2; ++round) {  // the second time everything is cached
        const auto outcomes = run_requests(tiny.engine, requests);
        for (size_t i = 0; i < requests.size(); ++i) {
          EXPECT_EQ(outcomes[i].prompt, want[i]) << "request " << i << " in pieces of " << budget;
          EXPECT_EQ(outcomes[i].tokens.size(), 3u);
          EXPECT_EQ(outcomes[i].finished->n_cached, 0);
        }
      }
    }
}

TEST(PromptLogprobs, come_once_though_the_request_is_preempted) {
  const TinyModel model("llama");
  std::vector<Request> requests = {reading(40, 1, 0), reading(50, 2, 2), reading(60, 3, 1)};
  for (Request& request : requests) request.max_tokens = 30;
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 3, .token_budget = 9, .n_kv_blocks = 4});
  const auto outcomes = run_requests(tiny.engine, requests);
  EXPECT_GT(tiny.engine.counters().n_preemptions, 0u);
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(outcomes[i].prompt, reports_of(model, requests[i]));
}

TEST(PromptLogprobs, alone_end_with_the_prompt) {
  const TinyModel model("qwen3");
  for (const int length : {1, 2, 31, 32, 33, 128}) {
    Request request = reading(length, length, 2);
    request.max_tokens = 0;
    TinyEngine tiny(model, {.n_ctx = 128});
    const Outcome outcome = run_requests(tiny.engine, {request}).front();
    EXPECT_EQ(outcome.prompt, reports_of(model, request));
    EXPECT_TRUE(outcome.tokens.empty());
    ASSERT_TRUE(outcome.finished);
    EXPECT_EQ(outcome.finished->reason, FinishReason::length);
    EXPECT_EQ(outcome.finished->n_prompt, length);
    EXPECT_EQ(outcome.finished->n_output, 0);
    EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
  }
}

TEST(PromptLogprobs, a_no_in_the_middle_cancels) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 2});
  Outcome outcome;
  tiny.engine.generate(std::vector<Request>{reading(20, 1, 0)}, [&](size_t, const Event& event) {
    outcome.add(event);
    return outcome.prompt.size() < 7;
  });
  EXPECT_EQ(outcome.prompt.size(), 7u);
  EXPECT_EQ(outcome.finished->reason, FinishReason::cancelled);
  EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
}

// Output and prompt, on the device's path and on the host's.
TEST(SampledIds, ids_beyond_them_are_never_sampled_and_have_no_probability) {
  const TinyModel model("llama");
  constexpr int kIds = 11;
  for (const char* backend : {"reference", "cpu"}) {
    TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 4, .n_sampled_ids = kIds}, backend);
    std::vector<Request> requests(4);
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].prompt = tiny_prompt(9, int(i));
      requests[i].max_tokens = 60;
      if (i % 2 == 0) requests[i].sampling = {.temperature = 3, .seed = i};
      if (i >= 2) requests[i].n_top_logprobs = 20;
    }
    for (const Outcome& outcome : run_requests(tiny.engine, requests)) {
      EXPECT_EQ(outcome.tokens.size(), 60u);
      for (const Report& report : outcome.output) {
        EXPECT_TRUE(report.id >= 0 && report.id < kIds);
        if (!report.logprob) continue;
        double total = 0;
        for (const TokenLogprob& token : report.top) total += std::exp(token.logprob);
        EXPECT_EQ(report.top.size(), size_t{kIds});
        EXPECT_NEAR(total, 1, 1e-5);
      }
    }
  }
  const Request request = reading(30, 5, 4);
  TinyEngine tiny(model, {.n_ctx = 128, .n_sampled_ids = kIds});
  EXPECT_EQ(run_requests(tiny.engine, {request}).front().prompt, reports_of(model, request, kIds));
}

}  // namespace
}  // namespace quandex
