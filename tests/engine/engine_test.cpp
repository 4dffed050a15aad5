#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "engine/tiny_engine.h"

namespace quandex {
namespace {

// Greedy, seeded and penalised requests of several lengths. Log probabilities make equality one of numbers, not only of
// choices.
std::vector<Request> mixed_requests() {
  std::vector<Request> requests;
  for (int i = 0; i < 6; ++i) {
    Request r;
    r.prompt = tiny_prompt(3 + 13 * i, i);
    r.max_tokens = 6 + 5 * (i % 3);
    if (i % 2 == 1) r.n_top_logprobs = i;
    if (i % 3 == 2) r.logit_bias = {{5, 1.5f}, {int32_t(i), -100}, {40, -0.5f}};
    r.wants_prompt_logprobs = i == 3;
    if (i % 3 == 1) r.sampling = {.temperature = 1.2f, .top_k = 40, .top_p = 0.95f, .seed = uint64_t(i)};
    if (i == 4) r.sampling = {.temperature = 0.8f, .repeat_penalty = 1.3f, .frequency_penalty = 0.2f, .seed = 9};
    requests.push_back(r);
  }
  return requests;
}

std::vector<Outcome> run_alone(const TinyModel& model, const std::vector<Request>& requests,
                               const std::string& backend = "reference") {
  std::vector<Outcome> outcomes;
  for (const Request& request : requests) {
    TinyEngine tiny(model, {.n_ctx = 128}, backend);
    outcomes.push_back(run_requests(tiny.engine, {request}).front());
  }
  return outcomes;
}

void expect_same(const std::vector<Outcome>& got, const std::vector<Outcome>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].tokens, want[i].tokens) << "request " << i;
    EXPECT_EQ(got[i].output, want[i].output) << "request " << i;
    EXPECT_EQ(got[i].prompt, want[i].prompt) << "request " << i;
    EXPECT_EQ(got[i].error, "");
    ASSERT_TRUE(got[i].finished);
    EXPECT_EQ(got[i].finished->n_output, want[i].finished->n_output);
  }
}

struct Machine {
  const char *architecture, *backend;
  DType type;
};

class EngineOn : public testing::TestWithParam<Machine> {
 protected:
  std::vector<Outcome> alone(const std::vector<Request>& requests) const {
    return run_alone(model_, requests, GetParam().backend);
  }

  TinyModel model_{GetParam().architecture, GetParam().type};
  std::string backend_ = GetParam().backend;
};
INSTANTIATE_TEST_SUITE_P(Machines, EngineOn,
                         testing::Values(Machine{"llama", "reference", DType::f32},
                                         Machine{"qwen3", "reference", DType::q8_0},
                                         Machine{"llama", "cpu", DType::f32}, Machine{"qwen3", "cpu", DType::f16},
                                         Machine{"llama", "cpu", DType::q8_0}, Machine{"qwen3", "cpu", DType::q4_0},
                                         Machine{"llama", "cpu", DType::q5_1}),
                         [](const auto& info) {
                           return fmt::format("{}_{}_{}", info.param.backend, info.param.architecture,
                                              format_of(info.param.type).name);
                         });

TEST_P(EngineOn, a_sequence_alone_equals_itself_in_a_batch) {
  const auto requests = mixed_requests();
  TinyEngine tiny(model_, {.n_ctx = 128, .max_sequences = 4}, backend_);
  expect_same(run_requests(tiny.engine, requests), alone(requests));
}

TEST_P(EngineOn, prefill_chunks_of_any_size_give_the_same_tokens) {
  const auto requests = mixed_requests();
  const auto expected = alone(requests);
  for (const int budget : {3, 7, 33}) {
    TinyEngine tiny(model_, {.n_ctx = 128, .max_sequences = 3, .token_budget = budget}, backend_);
    expect_same(run_requests(tiny.engine, requests), expected);
  }
}

TEST_P(EngineOn, preempted_sequences_give_the_same_tokens) {
  auto requests = mixed_requests();
  for (Request& r : requests) r.max_tokens = 40;
  TinyEngine tiny(model_, {.n_ctx = 128, .max_sequences = 5, .n_kv_blocks = 6, .reuse_prefixes = false}, backend_);
  const auto outcomes = run_requests(tiny.engine, requests);
  EXPECT_GT(tiny.engine.counters().n_preemptions, 0u);
  expect_same(outcomes, alone(requests));
}

TEST_P(EngineOn, a_prefix_hit_gives_the_same_tokens) {
  auto requests = mixed_requests();
  for (Request& r : requests) r.prompt.insert(r.prompt.begin(), 40, 5);
  const auto expected = alone(requests);
  TinyEngine tiny(model_, {.n_ctx = 128, .max_sequences = 2, .n_kv_blocks = 40}, backend_);
  run_requests(tiny.engine, requests);
  const auto again = run_requests(tiny.engine, requests);
  expect_same(again, expected);
  for (size_t i = 0; i < again.size(); ++i) {
    const int n_cached = requests[i].wants_prompt_logprobs ? 0 : (int(requests[i].prompt.size()) - 1) / 32 * 32;
    EXPECT_EQ(again[i].finished->n_cached, n_cached);
    EXPECT_EQ(expected[i].finished->n_cached, 0);
  }
}

// The next turn of a chat computes what is new and nothing else, with the tokens that it would have alone.
TEST_P(EngineOn, a_longer_prompt_goes_on_where_an_ended_request_stopped) {
  TinyEngine tiny(model_, {.n_ctx = 128, .max_sequences = 2, .n_kv_blocks = 40}, backend_);
  for (Request& request : mixed_requests()) {
    const auto first = run_requests(tiny.engine, {request}).front();
    Request next = request;
    next.prompt.insert(next.prompt.end(), first.tokens.begin(), first.tokens.end());
    next.prompt.insert(next.prompt.end(), {3, 4, 5});
    const auto second = run_requests(tiny.engine, {next}).front();
    const int n_cached = next.wants_prompt_logprobs ? 0 : int(next.prompt.size()) - 4;  // the last has no K/V yet
    EXPECT_EQ(second.finished->n_cached, n_cached);
    expect_same({second}, alone({next}));
  }
}

// Together, in chunks, preempted and behind a prefix hit, whatever the cache holds.
TEST_P(EngineOn, keys_and_values_of_every_type_serve_too) {
  auto requests = mixed_requests();
  for (Request& r : requests) r.max_tokens = 30;
  for (const DType type : {DType::f32, DType::q8_0}) {
    std::vector<Outcome> expected;
    for (const Request& request : requests) {
      TinyEngine alone(model_, {.n_ctx = 128, .kv_type = type, .reuse_prefixes = false}, backend_);
      expected.push_back(run_requests(alone.engine, {request}).front());
    }
    TinyEngine batch(model_, {.n_ctx = 128, .max_sequences = 4, .kv_type = type, .n_kv_blocks = 40}, backend_);
    expect_same(run_requests(batch.engine, requests), expected);
    const auto again = run_requests(batch.engine, requests);
    expect_same(again, expected);
    EXPECT_GE(again.back().finished->n_cached, 64);
    TinyEngine tight(model_, {.n_ctx = 128, .max_sequences = 5, .token_budget = 9, .kv_type = type, .n_kv_blocks = 6},
                     backend_);
    expect_same(run_requests(tight.engine, requests), expected);
    EXPECT_GT(tight.engine.counters().n_preemptions, 0u);
  }
}

TEST(Engine, the_number_of_threads_changes_nothing) {
  const TinyModel model("llama", DType::q8_0);
  auto requests = mixed_requests();
  requests.resize(3);
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 3}, "cpu on 2 threads");
  expect_same(run_requests(tiny.engine, requests), run_alone(model, requests, "cpu"));
}

TEST(Engine, windows_free_blocks_and_change_nothing_else) {
  TinyModel model("llama");
  model.set_window(20);
  const auto requests = mixed_requests();
  const auto alone = run_alone(model, requests);
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 3, .token_budget = 8, .n_kv_blocks = 5});
  expect_same(run_requests(tiny.engine, requests), alone);
  expect_same(run_requests(tiny.engine, requests), alone);  // this time with prefix hits
  TinyModel full("llama");
  EXPECT_NE(run_alone(full, requests).back().tokens, alone.back().tokens);  // the window does matter
}

TEST(Engine, the_context_end_finishes_with_length) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 20});
  Request r;
  r.max_tokens = 1000;
  r.prompt = tiny_prompt(15, 1);
  const Outcome some = run_requests(tiny.engine, {r}).front();
  EXPECT_EQ(some.finished->reason, FinishReason::length);
  EXPECT_EQ(some.tokens.size(), 6u);  // positions 15 to 19 make five more, the last output needs none
  r.prompt = tiny_prompt(20, 1);
  EXPECT_EQ(run_requests(tiny.engine, {r}).front().tokens.size(), 1u);
}

TEST(Engine, a_stop_id_ends_the_output_and_is_not_part_of_it) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 64});
  Request r;
  r.prompt = tiny_prompt(5, 2);
  r.max_tokens = 12;
  r.sampling = {.temperature = 2, .seed = 3};
  const Outcome free = run_requests(tiny.engine, {r}).front();
  EXPECT_EQ(free.finished->reason, FinishReason::length);
  const int32_t stop = free.tokens[4];
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), stop);
  int32_t absent = 0;
  while (std::find(free.tokens.begin(), free.tokens.end(), absent) != free.tokens.end()) ++absent;
  r.stop_ids = {absent, stop};
  const Outcome stopped = run_requests(tiny.engine, {r}).front();
  EXPECT_EQ(stopped.tokens, std::vector<int32_t>(free.tokens.begin(), first));
  EXPECT_EQ(stopped.finished->n_output, static_cast<int>(first - free.tokens.begin()) + 1);
  EXPECT_EQ(stopped.finished->reason, FinishReason::stop);
}

TEST(Engine, what_cannot_be_honoured_is_refused_and_the_others_run) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 64, .max_sequences = 2, .n_kv_blocks = 1});
  std::vector<Request> requests(11);
  for (Request& r : requests) r.prompt = tiny_prompt(4, 0);
  for (int32_t id = 0; id < 97; ++id) requests[10].logit_bias.push_back({id, -100});
  requests[0].prompt = {};
  requests[1].prompt = tiny_prompt(65, 0);
  requests[2].prompt = {3, 97};
  requests[3].max_tokens = 0;
  requests[4].max_tokens = 40;
  requests[6].n_top_logprobs = 21;
  requests[7].logit_bias = {{96, 1}, {97, 1}};
  requests[8].logit_bias = {{96, 100.5f}};
  requests[9].max_tokens = -1;
  requests[9].wants_prompt_logprobs = true;
  const auto outcomes = run_requests(tiny.engine, requests);
  EXPECT_EQ(outcomes[0].error, "the prompt has no tokens");
  EXPECT_EQ(outcomes[1].error, "the prompt has 65 tokens, the context holds 64");
  EXPECT_EQ(outcomes[2].error, "token 97 is not in the vocabulary of 97");
  EXPECT_EQ(outcomes[3].error, "max_tokens: 0 is not at least 1");
  EXPECT_EQ(outcomes[4].error, "a sequence of 43 tokens needs 2 KV blocks of 32 tokens, the cache has 1");
  EXPECT_EQ(outcomes[5].tokens.size(), 1u);
  EXPECT_EQ(outcomes[6].error, "top_logprobs: 21 is not between 0 and 20");
  EXPECT_EQ(outcomes[7].error, "logit_bias: token 97 is not in the vocabulary of 97");
  EXPECT_EQ(outcomes[8].error, "logit_bias: 100.5 of token 96 is not between -100 and 100");
  EXPECT_EQ(outcomes[9].error, "max_tokens: -1 is not at least 1");
  EXPECT_EQ(outcomes[10].error, "logit_bias: every token is banned");
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto check = [&] { tiny.engine.check(requests[i]); };
    if (i == 5) {
      EXPECT_NO_THROW(check());
    } else {
      EXPECT_THROW(check(), Error) << i;
    }
  }
  EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
}

TEST(Engine, options_that_cannot_be_honoured_are_refused) {
  const TinyModel model("llama");  // trained on 512
  const auto refusal = [&](const EngineOptions& options) -> std::string {
    try {
      resolve_options(options, model.config);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(resolve_options({}, model.config).n_ctx, 512);
  EXPECT_EQ(refusal({.n_ctx = 513}), "context: 513 is more than the 512 that the model was trained on");
  EXPECT_EQ(refusal({.max_sequences = 8, .token_budget = 7}), "tokens in a step: 7 is not between 8 and 65536");
  EXPECT_EQ(refusal({.max_step_ms = -1}), "longest step: -1 ms is not 0 (no limit) or more");
  EXPECT_EQ(refusal({.n_sampled_ids = 98}), "ids that are sampled: 98 is not between 0 and 97");
  EXPECT_EQ(refusal({.kv_type = DType::q8_0}), "");
  EXPECT_EQ(refusal({.kv_type = DType::q4_0}), "KV cache type q4_0 is not supported; supported: f16, f32, q8_0");
}

TEST(Engine, a_head_that_q8_0_cannot_hold_is_refused_with_its_layer) {
  TinyModel model("llama");
  for (const int head_dim : {32, 64, 256}) {
    model.config.layers[1].attention.heads.head_dim = head_dim;
    EXPECT_EQ(resolve_options({.kv_type = DType::q8_0}, model.config).kv_type, DType::q8_0);
  }
  for (const int head_dim : {16, 31, 80, 100}) {
    model.config.layers[1].attention.heads.head_dim = head_dim;
    try {
      resolve_options({.kv_type = DType::q8_0}, model.config);
      FAIL() << "head_dim " << head_dim;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unsupported);
      EXPECT_EQ(std::string(error.what()),
                fmt::format("KV cache type q8_0: layer 1 has head_dim {}, which is no multiple of its blocks of 32 "
                            "values; possible for this model: f16, f32",
                            head_dim));
    }
    for (const DType type : {DType::f16, DType::f32})
      EXPECT_EQ(resolve_options({.kv_type = type}, model.config).kv_type, type);
  }
}

TEST(Engine, a_callback_that_says_no_cancels_its_own_request_only) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 64, .max_sequences = 2});
  std::vector<Request> requests(2);
  for (Request& r : requests) r.prompt = tiny_prompt(4, 0), r.max_tokens = 9;
  std::array<int, 2> n_tokens{};
  std::array<Finished, 2> finished;
  tiny.engine.generate(requests, [&](size_t i, const Event& event) {
    if (const auto* f = std::get_if<Finished>(&event)) finished[i] = *f;
    if (std::holds_alternative<Token>(event)) ++n_tokens[i];
    return i == 0 || n_tokens[i] < 3;
  });
  EXPECT_EQ(n_tokens, (std::array{9, 3}));
  EXPECT_EQ(finished[0].reason, FinishReason::length);
  EXPECT_EQ(finished[1].reason, FinishReason::cancelled);
  EXPECT_EQ(finished[1].n_output, 3);
}

TEST(Engine, cancel_frees_everything_whether_running_or_waiting) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 64, .max_sequences = 1});
  Request r;
  r.prompt = tiny_prompt(40, 0);
  r.max_tokens = 20;
  const uint64_t running = tiny.engine.submit(r), waiting = tiny.engine.submit(r);
  std::vector<std::pair<uint64_t, FinishReason>> ended;
  const auto record = [&](uint64_t id, const Event& event) {
    if (const auto* finished = std::get_if<Finished>(&event)) ended.emplace_back(id, finished->reason);
    return true;
  };
  EXPECT_TRUE(tiny.engine.step(record));
  EXPECT_GT(tiny.engine.scheduler().pool(0).n_used(), 0);
  tiny.engine.cancel(waiting);
  tiny.engine.cancel(running);
  tiny.engine.cancel(99);
  EXPECT_FALSE(tiny.engine.step(record));
  EXPECT_EQ(ended, (std::vector<std::pair<uint64_t, FinishReason>>{{running, FinishReason::cancelled},
                                                                   {waiting, FinishReason::cancelled}}));
  EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
  EXPECT_FALSE(tiny.engine.has_work());
}

TEST(Engine, requests_may_join_while_others_run) {
  const TinyModel model("qwen3");
  const auto requests = mixed_requests();
  const auto alone = run_alone(model, requests);
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 3});
  std::vector<std::vector<int32_t>> tokens(requests.size() + 1);
  const auto record = [&](uint64_t id, const Event& event) {
    if (const auto* token = std::get_if<Token>(&event)) tokens[id].push_back(token->id);
    return true;
  };
  for (const Request& r : requests) {
    tiny.engine.submit(r);
    tiny.engine.step(record);
    tiny.engine.step(record);
  }
  while (tiny.engine.step(record)) {
  }
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(tokens[i + 1], alone[i].tokens);
}

// The reference, whose third step never comes back, and every seventh one after it.
class LostDevice final : public Backend {
 public:
  const DeviceInfo& info() const override { return real_->info(); }
  Tensor allocate(DType type, int rows, int cols) override { return real_->allocate(type, rows, cols); }
  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override {
    return real_->upload(name, type, rows);
  }
  size_t upload_bytes(DType type, std::span<const RowSegment> rows) const override {
    return real_->upload_bytes(type, rows);
  }
  std::span<std::byte> host_view(Tensor tensor) override { return real_->host_view(tensor); }
  bool aliases_host(Tensor tensor) const override { return real_->aliases_host(tensor); }
  CommandBatch& begin() override { return real_->begin(); }
  void wait(Ticket ticket) override {
    if (++n_waits_ % 7 == 3) throw Error(ErrorCode::device, "the device is lost");
    real_->wait(ticket);
  }
  size_t allocated_bytes() const override { return real_->allocated_bytes(); }

 private:
  std::unique_ptr<Backend> real_ = make_reference_backend();
  int n_waits_ = 0;
};

TEST(Engine, a_failing_device_ends_every_request_with_its_error) {
  const TinyModel model("llama");
  LostDevice backend;
  Engine engine(model.load(backend), backend, {.n_ctx = 64, .max_sequences = 2});
  std::vector<Request> requests(3);
  for (Request& r : requests) r.prompt = tiny_prompt(4, 0), r.max_tokens = 5;
  for (const Outcome& outcome : run_requests(engine, requests)) EXPECT_EQ(outcome.error, "the device is lost");
  EXPECT_EQ(engine.scheduler().pool(0).n_used(), 0);
  EXPECT_FALSE(engine.has_work());
}

TEST(Engine, goes_on_after_a_failing_device_with_the_same_tokens_and_all_blocks) {
  const TinyModel model("llama");
  LostDevice backend;
  Engine engine(model.load(backend), backend, {.n_ctx = 128, .max_sequences = 3, .n_kv_blocks = 12});
  auto requests = mixed_requests();
  for (Request& r : requests) r.prompt.insert(r.prompt.begin(), 33, 5), r.max_tokens = 3;
  const auto alone = run_alone(model, requests);
  int n_failed = 0, n_right = 0;
  for (int round = 0; round < 6; ++round) {
    const auto outcomes = run_requests(engine, requests);
    for (size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_NE(outcomes[i].finished.has_value(), !outcomes[i].error.empty()) << "exactly one of them";
      outcomes[i].finished ? ++n_right : ++n_failed;
      EXPECT_TRUE(!outcomes[i].finished || outcomes[i].output == alone[i].output) << "request " << i;
    }
    EXPECT_EQ(engine.scheduler().check_integrity(), std::nullopt);
    const EngineStatus status = engine.status();
    EXPECT_EQ(status.n_used_blocks, 0);
    EXPECT_EQ(status.n_free_blocks + status.n_cached_blocks, status.n_kv_blocks);
  }
  EXPECT_GT(n_failed, 5);
  EXPECT_GT(n_right, 5);
}

TEST(Engine, status_counts_what_is_there_and_what_was_done) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 128, .max_sequences = 2, .n_kv_blocks = 8});
  std::vector<Request> requests(3);
  for (Request& r : requests) r.prompt = tiny_prompt(40, 1), r.max_tokens = 4;
  for (const Request& r : requests) tiny.engine.submit(r);
  EXPECT_EQ(tiny.engine.status().n_waiting, 3);
  EXPECT_EQ(tiny.engine.status().n_free_blocks, 8);
  const auto ignore = [](uint64_t, const Event&) { return true; };
  tiny.engine.step(ignore);
  EngineStatus status = tiny.engine.status();
  EXPECT_EQ(status.n_running, 1);  // the others wait for the prompt that all have
  EXPECT_EQ(status.n_waiting, 2);
  EXPECT_EQ(status.n_kv_blocks, 8);
  EXPECT_EQ(status.n_used_blocks, 2);
  tiny.engine.step(ignore);
  EXPECT_EQ(tiny.engine.status().n_running, 2);
  while (tiny.engine.step(ignore)) {
  }
  status = tiny.engine.status();
  EXPECT_EQ(status.n_running + status.n_waiting + status.n_used_blocks, 0);
  EXPECT_EQ(status.n_free_blocks + status.n_cached_blocks, 8);
  const EngineCounters& counters = status.counters;
  EXPECT_EQ(counters.n_prompt_tokens, 120u);
  EXPECT_EQ(counters.n_sampled_tokens, 12u);
  EXPECT_EQ(counters.n_prefix_queries, 3u);
  EXPECT_EQ(counters.n_prefix_hits, 2u);
  EXPECT_GE(counters.n_cached_tokens, 64u);
  EXPECT_EQ(counters.n_computed_tokens, 120 - counters.n_cached_tokens + 3 * 3);
  EXPECT_EQ(counters.n_preemptions, 0u);
}

TEST(Engine, events_may_submit_and_cancel) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 64, .max_sequences = 2}, "cpu");
  Request r;
  r.prompt = tiny_prompt(4, 0);
  r.max_tokens = 3;
  int n_finished = 0;
  uint64_t to_cancel = 0;
  const auto on_event = [&](uint64_t id, const Event& event) {
    if (id == to_cancel && !std::holds_alternative<Finished>(event)) tiny.engine.cancel(id);
    if (!std::holds_alternative<Finished>(event)) return true;
    if (++n_finished < 20) to_cancel = tiny.engine.submit(r), tiny.engine.submit(r);
    return true;
  };
  tiny.engine.submit(r);
  while (n_finished < 20) tiny.engine.step(on_event);
  while (tiny.engine.step(on_event)) {
  }
  EXPECT_EQ(n_finished, 1 + 2 * 19);
  EXPECT_EQ(tiny.engine.scheduler().pool(0).n_used(), 0);
}

TEST(Engine, logits_that_are_not_finite_are_an_error_of_their_request_only) {
  TinyModel model("llama");
  const HostTensor head = *model.checkpoint->weights.find("token_embd.weight");
  std::vector<float> values(size_t(head.rows() * head.cols()));
  for (int64_t r = 0; r < head.rows(); ++r) {
    const auto cols = size_t(head.cols());
    decode_row(head.type, head.planes[0].subspan(size_t(r) * cols * 4, cols * 4),
               std::span(values).subspan(size_t(r) * cols, cols));
  }
  values[3 * size_t(head.cols())] = std::numeric_limits<float>::quiet_NaN();  // token 3 poisons what it is in
  model.checkpoint->weights.add("token_embd.weight", {head.rows(), head.cols()}, values);
  TinyEngine tiny(model, {.n_ctx = 64, .max_sequences = 4});
  std::vector<Request> requests(4);
  for (Request& r : requests) r.prompt = {1, 2, 4}, r.max_tokens = 1;
  requests[3].prompt = {1, 2, 3, 4};
  requests[3].max_tokens = 0;
  requests[3].wants_prompt_logprobs = true;
  requests[0].prompt = {1, 3, 4};
  requests[1].prompt = {1, 3, 5};
  requests[1].sampling.repeat_penalty = 1.1f;
  const auto outcomes = run_requests(tiny.engine, requests);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NE(outcomes[i].error.find("logits are not finite"), std::string::npos);
    EXPECT_TRUE(outcomes[i].tokens.empty() && !outcomes[i].finished);
  }
  EXPECT_EQ(outcomes[2].tokens.size(), 1u);
  EXPECT_EQ(outcomes[3].prompt.size(), 3u);  // those before the damage
  EXPECT_NE(outcomes[3].error.find("logits are not finite"), std::string::npos);
  EXPECT_FALSE(outcomes[3].finished);
}

}  // namespace
}  // namespace quandex
