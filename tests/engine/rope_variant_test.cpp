// Sequences whose RoPE depends on their length: the variant is fixed when a request comes in, by what it may become.
#include <gtest/gtest.h>

#include <cstring>

#include "engine/tiny_engine.h"
#include "model/rope.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

constexpr int kShort = 60;  // K/V positions of the first variant at most

// The tiny model with a second variant: other frequencies and another factor for sequences longer than kShort.
class VariantModel {
 public:
  VariantModel() : tiny("llama") { tiny.config.rope_variant_lengths = {kShort}; }

  Model load(Backend& backend) const {
    Model model = tiny.load(backend);
    RopeConfig& rope = model.ropes.front();
    RopeSpec spec = tiny.config.ropes.front();
    std::vector<float> frequencies = rope_inverse_frequencies(spec, 1);
    spec.scaling = RopeScaling::linear;
    spec.factor = 4;
    const std::vector<float> stretched = rope_inverse_frequencies(spec, 1);
    frequencies.insert(frequencies.end(), stretched.begin(), stretched.end());
    rope.inverse_freq = upload(backend, frequencies, spec.dims / 2);
    rope.scale = upload(backend, {1.0f, 1.2f}, 1);
    return model;
  }

  TinyModel tiny;

 private:
  static Tensor upload(Backend& backend, const std::vector<float>& values, int cols) {
    const Tensor t = backend.allocate(DType::f32, 2, cols);
    std::memcpy(backend.host_view(t).data(), values.data(), values.size() * sizeof(float));
    return t;
  }
};

struct VariantEngine {
  explicit VariantEngine(const VariantModel& model, const EngineOptions& options,
                         const std::string& backend_name = "reference")
      : backend(backend_name), engine(model.load(*backend), *backend, options) {}
  TinyBackend backend;
  Engine engine;
};

// A request that comes to hold `n_positions` positions of K/V.
Request request_of(int n_prompt, int n_positions, int seed = 1) {
  Request r;
  r.prompt = tiny_prompt(n_prompt, seed);
  r.max_tokens = n_positions - n_prompt + 1;
  r.n_top_logprobs = 0;
  return r;
}

// The log probabilities of the request's own output under one whole step over everything with a variant.
std::vector<float> whole_step_logprobs(const VariantModel& model, const Request& request, const Outcome& outcome,
                                       int variant) {
  std::vector<int32_t> tokens = request.prompt;
  tokens.insert(tokens.end(), outcome.tokens.begin(), outcome.tokens.end());
  const auto n_rows = tokens.size() - 1;  // the last output is not computed
  const auto backend = make_reference_backend();
  Model loaded = model.load(*backend);
  loaded.config.rope_variant_lengths = {variant == 0 ? 1000 : 0};
  const std::vector<float> rows = run_tokens(loaded, *backend, std::span(tokens).first(n_rows), DType::f16);
  const size_t vocab = rows.size() / n_rows;
  std::vector<float> logprobs;
  for (size_t row = request.prompt.size() - 1; row < n_rows; ++row)
    logprobs.push_back(LogProbabilities(std::span(rows).subspan(row * vocab, vocab)).of(tokens[row + 1]));
  return logprobs;
}

TEST(RopeVariants, each_serves_lengths_up_to_its_own) {
  ModelConfig config;
  EXPECT_EQ(config.rope_variant(1 << 20), 0);
  config.rope_variant_lengths = {10, 20};
  EXPECT_EQ(config.rope_variant(1), 0);
  EXPECT_EQ(config.rope_variant(10), 0);
  EXPECT_EQ(config.rope_variant(11), 1);
  EXPECT_EQ(config.rope_variant(20), 1);
  EXPECT_EQ(config.rope_variant(21), 2);
}

TEST(RopeVariants, what_a_request_may_become_decides_from_its_first_token_on) {
  const VariantModel model;
  for (const int n_positions : {kShort, kShort + 1}) {
    const Request request = request_of(30, n_positions);
    VariantEngine tiny(model, {.n_ctx = 128});
    const Outcome outcome = run_requests(tiny.engine, {request}).front();
    const int variant = n_positions > kShort;
    EXPECT_EQ(outcome.logprobs, whole_step_logprobs(model, request, outcome, variant));
    EXPECT_NE(outcome.logprobs, whole_step_logprobs(model, request, outcome, 1 - variant));
  }
}

TEST(RopeVariants, output_that_the_context_cannot_hold_does_not_count) {
  const VariantModel model;
  VariantEngine tiny(model, {.n_ctx = kShort});
  Request request = request_of(30, kShort);
  request.max_tokens = 1000;
  const Outcome outcome = run_requests(tiny.engine, {request}).front();
  EXPECT_EQ(outcome.logprobs, whole_step_logprobs(model, request, outcome, 0));
}

TEST(RopeVariants, logits_take_the_variant_of_their_tokens) {
  const VariantModel model;
  VariantEngine tiny(model, {.n_ctx = 128, .token_budget = 7});
  for (const int n : {kShort, kShort + 1}) {
    const auto tokens = tiny_prompt(n, 2);
    const auto backend = make_reference_backend();
    const std::vector<float> want = run_tokens(model.load(*backend), *backend, tokens, DType::f16);
    EXPECT_EQ(tiny.engine.logits(tokens, true), want);
    EXPECT_EQ(tiny.engine.logits(tokens, false), std::vector<float>(want.end() - 97, want.end()));
  }
}

TEST(RopeVariants, prefixes_are_shared_within_a_variant_only) {
  const VariantModel model;
  VariantEngine tiny(model, {.n_ctx = 128, .n_kv_blocks = 16});
  const Request brief = request_of(50, 55), long_one = request_of(50, 90);
  const auto cached = [&](const Request& request) {
    return run_requests(tiny.engine, {request}).front().finished->n_cached;
  };
  EXPECT_EQ(cached(brief), 0);
  EXPECT_EQ(cached(long_one), 0);
  EXPECT_EQ(cached(brief), 32);
  EXPECT_EQ(cached(long_one), 32);
  EXPECT_EQ(cached(request_of(50, 70)), 32);  // another request of the long variant
}

class RopeVariantsOn : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Machines, RopeVariantsOn, testing::Values("reference", "cpu"));

TEST_P(RopeVariantsOn, batches_chunks_and_preemption_change_nothing) {
  const VariantModel model;
  const std::vector<Request> requests{request_of(20, 50, 1), request_of(40, 80, 1), request_of(58, 60, 2),
                                      request_of(58, 61, 2), request_of(70, 75, 3)};
  std::vector<Outcome> alone;
  for (const Request& request : requests) {
    VariantEngine tiny(model, {.n_ctx = 128}, GetParam());
    alone.push_back(run_requests(tiny.engine, {request}).front());
  }
  const auto expect_as_alone = [&](const EngineOptions& options) {
    VariantEngine tiny(model, options, GetParam());
    for (int round = 0; round < 2; ++round) {  // the second finds prefixes
      const auto outcomes = run_requests(tiny.engine, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(outcomes[i].tokens, alone[i].tokens) << "request " << i << ", round " << round;
        EXPECT_EQ(outcomes[i].logprobs, alone[i].logprobs) << "request " << i << ", round " << round;
      }
    }
    return tiny.engine.counters().n_preemptions;
  };
  expect_as_alone({.n_ctx = 128, .max_sequences = 5});
  expect_as_alone({.n_ctx = 128, .max_sequences = 3, .token_budget = 7});
  EXPECT_GT(expect_as_alone({.n_ctx = 128, .max_sequences = 5, .n_kv_blocks = 3}), 0u);
}

}  // namespace
}  // namespace quandex
