// Steady-state decoding allocates nothing: operator new is counted here, in a program of its own.
#include <gtest/gtest.h>

#include "engine/tiny_engine.h"
#include "support/allocation_count.h"
#include "support/random_model.h"

namespace quandex {
namespace {

// Allocations between the 10th and the 100th token of the first request, others decoding beside it.
int64_t allocations_while_decoding(Engine& engine, const std::vector<Request>& requests) {
  int64_t at_10 = -1, at_100 = -1;
  int n_tokens = 0;
  engine.generate(requests, [&](size_t i, const Event& event) {
    if (i != 0 || !std::holds_alternative<Token>(event)) return true;
    ++n_tokens;
    if (n_tokens == 10) at_10 = test::allocation_count();
    if (n_tokens == 100) at_100 = test::allocation_count();
    return true;
  });
  EXPECT_GT(at_10, 0);  // the hook does count
  EXPECT_GE(at_100, at_10);
  return at_100 - at_10;
}

std::vector<Request> decoding_requests() {
  std::vector<Request> requests(3);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = tiny_prompt(20 + 3 * static_cast<int>(i), static_cast<int>(i));
    requests[i].max_tokens = 101;
  }
  requests[1].sampling = {.temperature = 0.9f, .top_k = 20, .top_p = 0.9f, .repeat_penalty = 1.1f, .seed = 4};
  requests[1].n_top_logprobs = kMostTopLogprobs;
  requests[1].logit_bias = {{3, 2.5f}, {4, -100}};
  requests[2].sampling = {.temperature = 1.5f, .min_p = 0.01f, .seed = 5};
  return requests;
}

TEST(Allocation, decoding_allocates_nothing_on_reference) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 3, .max_step_ms = 5, .explain_cache = true});
  EXPECT_EQ(allocations_while_decoding(tiny.engine, decoding_requests()), 0);
}

TEST(Allocation, decoding_allocates_nothing_on_cpu) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_0, DType::q5_1}) {
    const TinyModel model("qwen3", type);
    TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 3}, "cpu");
    EXPECT_EQ(allocations_while_decoding(tiny.engine, decoding_requests()), 0) << format_of(type).name;
  }
}

// Between the 10th and the 100th token of a prompt whose log probabilities are wanted, while another request decodes.
int64_t allocations_while_reading(Engine& engine) {
  std::vector<Request> requests(2);
  requests[0].prompt = tiny_prompt(120, 1);
  requests[0].max_tokens = 0;
  requests[0].wants_prompt_logprobs = true;
  requests[0].n_top_logprobs = kMostTopLogprobs;
  requests[1].prompt = tiny_prompt(5, 2);
  requests[1].max_tokens = 101;
  requests[1].n_top_logprobs = 2;
  int64_t at_10 = -1, at_100 = -1;
  engine.generate(requests, [&](size_t, const Event& event) {
    if (const auto* token = std::get_if<PromptToken>(&event)) {
      if (token->position == 10) at_10 = test::allocation_count();
      if (token->position == 100) at_100 = test::allocation_count();
    }
    return true;
  });
  EXPECT_GE(at_100, at_10);
  return at_100 - at_10;
}

TEST(Allocation, log_probabilities_of_a_prompt_allocate_nothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const TinyModel model("llama");
  for (const char* backend : {"reference", "cpu"}) {
    TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 3, .token_budget = 5}, backend);
    EXPECT_EQ(allocations_while_reading(tiny.engine), 0) << backend;
  }
}

// Between the 10th and the 100th token of the first request, while others wait for places, are admitted with what is
// cached, wait for each other's prompts and are preempted.
TEST(Allocation, scheduling_many_requests_allocates_nothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 4, .token_budget = 24, .n_kv_blocks = 9}, "cpu");
  std::vector<Request> requests(40);
  for (size_t i = 0; i < requests.size(); ++i) {
    Request& r = requests[i];
    r.prompt = tiny_prompt(i % 4 == 0 ? 60 : 5 + int(i), int(i % 3));
    r.max_tokens = i == 0 ? 101 : 5 + int(i % 40);
    r.priority = i == 0 ? 1 : 0;
    r.client = i % 7;
  }
  EXPECT_EQ(allocations_while_decoding(tiny.engine, requests), 0);
  EXPECT_GT(tiny.engine.counters().n_preemptions, 0u);
  EXPECT_GT(tiny.engine.counters().n_prefix_hits, 0u);
}

// Experts among other layers, with windows that take and give back blocks on the way.
TEST(Allocation, decoding_with_experts_allocates_nothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const auto allocations_on = [](const RandomModel& model, const std::string& backend_name) {
    TinyBackend backend(backend_name);
    Engine engine(model.load(*backend), *backend, {.n_ctx = 160, .max_sequences = 3});
    return allocations_while_decoding(engine, decoding_requests());
  };
  for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_0, DType::q5_1})
    EXPECT_EQ(allocations_on(RandomModel(every_kind_of_layer(), type), "cpu"), 0) << format_of(type).name;
  const RandomModel routed({{.window = 7, .routing = {4, 2}, .has_post_norms = true}});
  EXPECT_EQ(allocations_on(routed, "reference"), 0);
}

}  // namespace
}  // namespace quandex
