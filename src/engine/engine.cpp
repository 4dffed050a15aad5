#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "base/check.h"
#include "model/forward.h"
#include "model/load.h"

namespace quandex {

namespace {

// What besides the tokens K/V depends on. An engine has one model; adapters will add theirs here.
uint64_t prefix_salt(uint64_t key, DType kv_type, int rope_variant) {
  const std::array<int32_t, 2> parts = {static_cast<int32_t>(kv_type), rope_variant};
  return chain_hash(key, parts);
}

uint64_t random_key() {
  std::random_device random;  // 32 bits each
  return uint64_t{random()} << 32 | random();
}

SchedulerConfig scheduler_config(const ModelConfig& config, const EngineOptions& options) {
  return {.block_size = kBlockSize,
          .max_sequences = options.max_sequences,
          .n_ctx = options.n_ctx,
          .max_rows = step_limits(options).n_logits,
          .reuse_prefixes = options.reuse_prefixes,
          .explain_cache = options.explain_cache,
          .groups = kv_groups(config, options)};
}

}  // namespace

Engine::Engine(Model model, Backend& backend, const EngineOptions& options)
    : model_(std::move(model)),
      backend_(backend),
      options_(resolve_options(options, model_.config)),
      kv_(model_.config, options_, backend),
      scratch_(allocate_scratch(model_, step_limits(options_), backend)),
      steps_(step_shape(model_.config, options_), backend),
      scheduler_(scheduler_config(model_.config, options_)),
      host_sampler_(model_.config.vocab, options_.n_sampled_ids),
      prefix_key_(random_key()) {
  if (options_.max_step_ms > 0) pacer_.emplace(options_.max_step_ms, token_costs(model_.config));
}

Engine::~Engine() = default;

void Engine::check_prompt(std::span<const int32_t> prompt) const {
  if (prompt.empty()) throw Error(ErrorCode::invalid_argument, "the prompt has no tokens");
  if (prompt.size() > static_cast<size_t>(options_.n_ctx)) {
    throw Error(ErrorCode::invalid_argument, "the prompt has {} tokens, the context holds {}", prompt.size(),
                options_.n_ctx);
  }
  for (const int32_t token : prompt) {
    if (token >= 0 && token < model_.config.vocab) continue;
    throw Error(ErrorCode::invalid_argument, "token {} is not in the vocabulary of {}", token, model_.config.vocab);
  }
}

Engine::Active& Engine::free_slot() {
  const auto free = std::ranges::find_if(active_, [](const auto& active) { return active->id == 0; });
  if (free != active_.end()) return **free;
  Active& added = *active_.emplace_back(std::make_unique<Active>());
  added.sequence.owner = static_cast<int>(active_.size()) - 1;
  return added;
}

// By the K/V positions that the sequence may come to hold, so that it is the same from the first token to the last; K/V
// of another variant is no prefix of it.
void Engine::set_rope_variant(Sequence& s) const {
  const int n_positions = std::max(static_cast<int>(s.tokens.size()), s.max_length - 1);
  s.rope_variant = model_.config.rope_variant(n_positions);
  s.salt = prefix_salt(prefix_key_, options_.kv_type, s.rope_variant);
}

int Engine::n_sampled_ids() const { return options_.n_sampled_ids > 0 ? options_.n_sampled_ids : model_.config.vocab; }

// The last output needs no place in the context: its K/V is never made.
int Engine::max_length(const Request& request) const {
  const int64_t length = static_cast<int64_t>(request.prompt.size()) + request.max_tokens;
  return static_cast<int>(std::min<int64_t>(length, options_.n_ctx + 1));
}

void Engine::check(const Request& request) const {
  check_prompt(request.prompt);
  check_sampling_params(request.sampling);
  check_logit_bias(request.logit_bias, n_sampled_ids());
  if (request.max_tokens < 0 || (request.max_tokens == 0 && !request.wants_prompt_logprobs)) {
    throw Error(ErrorCode::invalid_argument, "max_tokens: {} is not at least 1", request.max_tokens);
  }
  const int n_top = request.n_top_logprobs.value_or(0);
  if (n_top < 0 || n_top > kMostTopLogprobs) {
    throw Error(ErrorCode::invalid_argument, "top_logprobs: {} is not between 0 and {}", n_top, kMostTopLogprobs);
  }
  scheduler_.check_fits(static_cast<int>(request.prompt.size()), max_length(request));
}

uint64_t Engine::submit(Request request) {
  check(request);
  Active& active = free_slot();
  Sequence& s = active.sequence;
  s.max_length = max_length(request);
  s.tokens = std::move(request.prompt);
  const bool needs_host = request.sampling.has_penalties() || !request.logit_bias.empty() || request.n_top_logprobs ||
                          request.wants_prompt_logprobs;
  s.output = needs_host ? Output::host_sample : Output::device_sample;
  s.priority = request.priority;
  s.client = request.client;
  s.wants_prompt_rows = request.wants_prompt_logprobs;
  s.reuse_prefix = !request.wants_prompt_logprobs;
  set_rope_variant(s);
  active.request = std::move(request);
  active.is_cancelled = false;
  scheduler_.add(s);  // where it throws, the slot is still free
  ++n_active_;
  return active.id = ++n_submitted_;
}

Engine::Active* Engine::find(uint64_t request) {
  const auto found = std::ranges::find_if(active_, [request](const auto& active) { return active->id == request; });
  return request == 0 || found == active_.end() ? nullptr : found->get();
}

Engine::Active& Engine::owner_of(const Sequence& sequence) { return *active_[static_cast<size_t>(sequence.owner)]; }

void Engine::cancel(uint64_t request) {
  if (Active* active = find(request)) active->is_cancelled = true;
}

bool Engine::step(OnEvent on_event) {
  for (size_t i = 0; i < active_.size(); ++i) {  // by index: the receiver of an event may submit
    if (active_[i]->id != 0 && active_[i]->is_cancelled) finish(*active_[i], FinishReason::cancelled, on_event);
  }
  const auto start = std::chrono::steady_clock::now();
  const int budget = pacer_ ? pacer_->choose(scheduler_.load(), options_.token_budget) : options_.token_budget;
  const std::span<const Assignment> plan = scheduler_.plan(budget);
  if (plan.empty()) {
    CHECK(!has_work());  // with no step under way something can always be planned
    return false;
  }
  StepWork work;
  for (const Assignment& assignment : plan) work.add(assignment);
  const Step* step = nullptr;
  try {
    step = &run_step(plan);
  } catch (const Error& error) {
    fail_all(error, on_event);
    scheduler_.forget_prefixes();  // who knows what the device has left of them
    return has_work();
  }
  finish_sequences(*step, on_event);
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  if (pacer_) pacer_->observe(work, elapsed.count());
  return has_work();
}

const Step& Engine::run_step(std::span<const Assignment> plan) {
  Step& step = steps_.fill(plan);
  const std::span<std::byte> bytes = backend_.host_view(step.sample_parameters);
  const std::span parameters(reinterpret_cast<int32_t*>(bytes.data()), bytes.size() / sizeof(int32_t));
  for (size_t i = 0; i < step.assignments.size(); ++i) {
    const Sequence& s = *step.assignments[i].sequence;
    if (s.output != Output::device_sample || step.assignments[i].n_outputs == 0) continue;
    const SampleParameters row = sample_parameters(
        owner_of(s).request.sampling, static_cast<int>(s.tokens.size()) - s.n_prompt, options_.n_sampled_ids);
    const auto first = static_cast<size_t>(step.output_rows[i]) * kSampleColumns;
    pack_sample_parameters(row, parameters.subspan(first, kSampleColumns));
  }
  CommandBatch& batch = backend_.begin();
  forward(batch, model_, kv_.layers(), step.inputs, scratch_);
  if (step.n_device_samples > 0) {
    const Tensor logits = with_shape(scratch_.logits, step.n_device_samples, model_.config.vocab);
    batch.sample(step.sample_ids, logits, step.sample_parameters);
  }
  backend_.wait(batch.submit());
  ++counters_.n_steps;
  counters_.n_computed_tokens += static_cast<uint64_t>(step.inputs.n_tokens);
  return step;
}

EngineCounters Engine::counters() const {
  EngineCounters counters = counters_;
  static_cast<SchedulerCounters&>(counters) = scheduler_.counters();
  return counters;
}

EngineStatus Engine::status() const {
  EngineStatus status{.n_running = scheduler_.n_running(), .n_waiting = scheduler_.n_waiting(), .counters = counters()};
  for (int g = 0; g < scheduler_.n_groups(); ++g) {
    const BlockPool& pool = scheduler_.pool(g);
    status.n_kv_blocks += pool.n_blocks();
    status.n_used_blocks += pool.n_used();
    status.n_cached_blocks += pool.n_cached();
    status.n_free_blocks += pool.n_free();
  }
  return status;
}

void Engine::generate(std::span<const Request> requests, FunctionRef<bool(size_t index, const Event& event)> on_event) {
  CHECK(!has_work());
  std::vector<uint64_t> ids(requests.size(), 0);
  for (size_t i = 0; i < requests.size(); ++i) {
    try {
      ids[i] = submit(requests[i]);
    } catch (const Error& error) {
      on_event(i, error);
    }
  }
  const auto forward_event = [&](uint64_t id, const Event& event) {
    return on_event(static_cast<size_t>(std::ranges::find(ids, id) - ids.begin()), event);
  };
  while (has_work()) step(forward_event);
}

void Engine::logits(std::span<const int32_t> tokens, bool all,
                    FunctionRef<void(int position, std::span<const float> row)> on_row) {
  CHECK(!has_work());
  check_prompt(tokens);
  Sequence s;
  s.tokens.assign(tokens.begin(), tokens.end());
  s.max_length = static_cast<int>(tokens.size()) + (all ? 0 : 1);
  s.output = all ? Output::all_logits : Output::host_sample;
  s.reuse_prefix = !all;
  set_rope_variant(s);
  scheduler_.add(s);
  const int budget = all ? std::min(options_.token_budget, step_limits(options_).n_logits) : options_.token_budget;
  try {
    while (s.n_computed < static_cast<int>(tokens.size())) {
      const Step& step = run_step(scheduler_.plan(budget));
      scheduler_.finish_step(step.assignments);
      const Assignment& a = step.assignments.front();
      for (int row = 0; row < a.n_outputs; ++row) on_row(a.first + a.n_tokens - a.n_outputs + row, logits_row(row));
    }
  } catch (...) {
    scheduler_.cancel(s);
    throw;
  }
  scheduler_.cancel(s);
}

std::vector<float> Engine::logits(std::span<const int32_t> tokens, bool all) {
  std::vector<float> rows;
  logits(tokens, all, [&](int, std::span<const float> row) { rows.insert(rows.end(), row.begin(), row.end()); });
  return rows;
}

}  // namespace quandex
