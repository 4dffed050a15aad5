// The part of the engine that makes events of what a step has computed.
#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"

namespace quandex {

void Engine::finish_sequences(const Step& step, OnEvent on_event) {
  scheduler_.finish_step(step.assignments);
  for (size_t i = 0; i < step.assignments.size(); ++i) {
    const Assignment& a = step.assignments[i];
    if (a.n_outputs == 0 || a.sequence->state == SequenceState::idle) continue;
    if (a.sequence->wants_prompt_rows && a.first < a.sequence->n_prompt && !report_prompt(step, i, on_event)) continue;
    if (a.samples) take_token(step, i, on_event);
  }
}

// Row p predicts position p + 1. Returns whether the request goes on.
bool Engine::report_prompt(const Step& step, size_t index, OnEvent on_event) {
  const Assignment& a = step.assignments[index];
  Sequence& s = *a.sequence;
  Active& active = owner_of(s);
  const uint64_t id = active.id;
  const auto report = [&](const PromptToken& token) {
    if (on_event(id, token) && !active.is_cancelled) return true;
    finish(active, FinishReason::cancelled, on_event);
    return false;
  };
  const int end = a.first + a.n_tokens;
  int row = step.output_rows[index];
  for (int position = end - a.n_outputs + 1; position <= std::min(end, s.n_prompt - 1); ++position, ++row) {
    if (position == 1 && !report({0, s.tokens[0], std::nullopt, {}})) return false;
    const LogProbabilities probabilities = probabilities_of(row);
    if (!probabilities.is_valid()) return fail_not_finite(active, on_event), false;
    const int32_t token = s.tokens[static_cast<size_t>(position)];
    const auto top = probabilities.top(room_for_top(active.request));
    if (!report({position, token, probabilities.of(token), top})) return false;
  }
  if (s.n_prompt == 1 && end == 1 && !report({0, s.tokens[0], std::nullopt, {}})) return false;
  if (end == s.n_prompt && active.request.max_tokens == 0) return finish(active, FinishReason::length, on_event), false;
  return true;
}

void Engine::take_token(const Step& step, size_t index, OnEvent on_event) {
  Sequence& s = *step.assignments[index].sequence;
  Active& active = owner_of(s);
  const int row = step.output_rows[index] + step.assignments[index].n_outputs - 1;
  Token token;
  token.id = sampled_token(step, active, row);
  if (token.id < 0) return fail_not_finite(active, on_event);
  ++counters_.n_sampled_tokens;
  if (active.request.n_top_logprobs) {
    const LogProbabilities probabilities = probabilities_of(row);
    token.logprob = probabilities.of(token.id);
    token.top = probabilities.top(room_for_top(active.request));
  }
  s.tokens.push_back(token.id);
  if (std::ranges::find(active.request.stop_ids, token.id) != active.request.stop_ids.end()) {
    return finish(active, FinishReason::stop, on_event);
  }
  const uint64_t id = active.id;
  if (!on_event(id, token) || active.is_cancelled) return finish(active, FinishReason::cancelled, on_event);
  if (static_cast<int>(s.tokens.size()) == s.max_length) finish(active, FinishReason::length, on_event);
}

int32_t Engine::sampled_token(const Step& step, const Active& active, int row) {
  const Sequence& s = active.sequence;
  if (s.output == Output::host_sample) {
    return host_sampler_.sample(logits_row(row), s.tokens, s.n_prompt, active.request.sampling,
                                active.request.logit_bias);
  }
  const std::span<std::byte> bytes = backend_.host_view(step.sample_ids);
  return reinterpret_cast<const int32_t*>(bytes.data())[row];
}

std::span<const float> Engine::logits_row(int row) const {
  const auto vocab = static_cast<size_t>(model_.config.vocab);
  const std::span<std::byte> bytes =
      backend_.host_view(with_shape(scratch_.logits, scratch_.logits.rows, model_.config.vocab));
  return std::span(reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float))
      .subspan(static_cast<size_t>(row) * vocab, vocab);
}

LogProbabilities Engine::probabilities_of(int row) const {
  return LogProbabilities(logits_row(row).first(static_cast<size_t>(n_sampled_ids())));
}

std::span<TokenLogprob> Engine::room_for_top(const Request& request) {
  return std::span(top_).first(static_cast<size_t>(request.n_top_logprobs.value_or(0)));
}

void Engine::fail_not_finite(Active& active, OnEvent on_event) {
  fail(active,
       Error(ErrorCode::device,
             "after {} tokens the model's logits are not finite: its weights are damaged, or too large for the K/V "
             "type {}",
             active.sequence.tokens.size(), format_of(options_.kv_type).name),
       on_event);
}

void Engine::remove(Active& active) {
  scheduler_.cancel(active.sequence);
  active.id = 0;
  --n_active_;
}

// Events come last: the request has ended whatever the receiver does.
void Engine::finish(Active& active, FinishReason reason, OnEvent on_event) {
  const Sequence& s = active.sequence;
  const uint64_t id = active.id;
  const Finished finished{reason, s.n_prompt, s.n_cached, static_cast<int>(s.tokens.size()) - s.n_prompt,
                          s.cache_break};
  remove(active);
  on_event(id, finished);
}

void Engine::fail(Active& active, const Error& error, OnEvent on_event) {
  const uint64_t id = active.id;
  remove(active);
  on_event(id, error);
}

void Engine::fail_all(const Error& error, OnEvent on_event) {
  const uint64_t last = n_submitted_;  // what the receiver submits meanwhile gets its own chance
  for (size_t i = 0; i < active_.size(); ++i) {
    if (active_[i]->id != 0 && active_[i]->id <= last) fail(*active_[i], error, on_event);
  }
}

}  // namespace quandex
