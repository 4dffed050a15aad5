#include "engine/step_pacer.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace quandex {
namespace {

double median(std::span<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void StepWork::add(const Assignment& a) {
  n_logit_rows += a.n_outputs;
  if (a.n_tokens == 1) {
    ++n_decoding;
    n_decoding_length += a.first + 1;
    return;
  }
  n_prefill += a.n_tokens;
  n_prefill_positions += int64_t{a.n_tokens} * a.first + int64_t{a.n_tokens} * (a.n_tokens + 1) / 2;
}

TokenCosts token_costs(const ModelConfig& config) {
  TokenCosts costs;
  double matrices = 0;  // multiplications of one token
  const double dim = config.dim;
  for (const LayerConfig& layer : config.layers) {
    const HeadShape& heads = layer.attention.heads;
    matrices += dim * (2.0 * heads.q_cols() + 2.0 * heads.kv_cols());
    const bool has_experts = layer.routing.n_experts > 0;
    matrices += 3 * dim * (has_experts ? double{1} * config.expert_ffn_dim * layer.routing.n_active : config.ffn_dim);
    auto& attention = costs.attention[static_cast<size_t>(layer.kv_group)];
    attention.per_position += 2.0 * heads.q_cols();
    attention.window = config.kv_group_windows[static_cast<size_t>(layer.kv_group)];
  }
  for (auto& attention : costs.attention) attention.per_position /= matrices;
  costs.logit_row = dim * config.vocab / matrices;
  return costs;
}

double StepPacer::attention_work(double position) const {
  double work = 0;
  for (const TokenCosts::Attention& attention : costs_.attention) {
    work += attention.per_position * (attention.window > 0 ? std::min<double>(attention.window, position) : position);
  }
  return work;
}

double StepPacer::decoding_work(int n, int64_t length) const {
  return n == 0 ? 0 : n * (1 + costs_.logit_row + attention_work(static_cast<double>(length) / n));
}

double StepPacer::prefill_work(double n_tokens, double first) const {
  return n_tokens * (1 + attention_work(first + n_tokens / 2));
}

double StepPacer::largest_prefill_work() const {
  double largest = 0;
  for (size_t i = 0; i < prefill_.size(); ++i) largest = std::max(largest, prefill_.steps[i].prefill_work);
  return largest;
}

int StepPacer::choose(const SchedulerLoad& load, int budget) {
  if (!load.has_prefill) return budget;
  const double decoding_ms = fixed_ms_ + rate_ms_ * decoding_work(load.n_decoding, load.n_decoding_length);
  const double prefill_ms = std::max(kAim * max_step_ms_ - decoding_ms, kLeastPart * max_step_ms_);
  double allowed = std::max(2 * largest_prefill_work(), prefill_work(kLeastPrefill, load.farthest_prefill));
  if (rate_ms_ > 0) allowed = std::min(allowed, prefill_ms / rate_ms_);
  int least = 0, most = std::max(0, budget - load.n_decoding);  // the most tokens with no more work than that
  while (least < most) {
    const int middle = least + (most - least + 1) / 2;
    if (prefill_work(middle, load.farthest_prefill) <= allowed) {
      least = middle;
    } else {
      most = middle - 1;
    }
  }
  const int n_prefill = std::max(least, kLeastPrefill);
  allowed_work_ = prefill_work(n_prefill, load.farthest_prefill);
  return std::min(budget, load.n_decoding + n_prefill);
}

void StepPacer::observe(const StepWork& work, double elapsed_ms) {
  if (!(elapsed_ms > 0) || work.n_decoding + work.n_prefill == 0) return;
  Observation step;
  const double decoding = work.n_decoding + costs_.logit_row * work.n_logit_rows;
  const double positions = work.n_decoding > 0 ? static_cast<double>(work.n_decoding_length) / work.n_decoding : 0;
  step.work = decoding + work.n_decoding * attention_work(positions);
  if (work.n_prefill > 0) {
    const double before = static_cast<double>(work.n_prefill_positions) / work.n_prefill;
    step.prefill_work = work.n_prefill * (1 + attention_work(before));
  }
  step.work += step.prefill_work;
  step.elapsed_ms = elapsed_ms;
  const bool tells_little = step.prefill_work < allowed_work_ / 4 && elapsed_ms <= max_step_ms_;
  if (work.n_prefill > 0 && tells_little && prefill_.n > 0) return;
  (work.n_prefill > 0 ? prefill_ : decoding_).add(step);
  learn();
}

// What is left of a step's time for its work; a part of it always, for what is fixed is known roughly.
double StepPacer::rate_of(const Observation& step) const {
  return std::max(step.elapsed_ms - fixed_ms_, step.elapsed_ms / 8) / step.work;
}

void StepPacer::learn() {
  std::array<double, kMemory> values{};
  for (size_t i = 0; i < decoding_.size(); ++i) {
    values[i] = std::max(0.0, decoding_.steps[i].elapsed_ms - rate_ms_ * decoding_.steps[i].work);
  }
  fixed_ms_ = median(std::span(values).first(decoding_.size()));
  if (prefill_.n == 0) return;
  // Smaller chunks than the last one, from when they began to grow, tell little of what this one takes.
  const double least_work = prefill_.latest(0).prefill_work / 3;
  size_t n = 0;
  double latest = 0;  // the smaller one of the last two
  for (size_t age = 0; age < prefill_.size(); ++age) {
    const Observation& step = prefill_.latest(age);
    if (step.prefill_work < least_work) continue;
    values[n++] = rate_of(step);
    if (n == 2) latest = std::min(values[0], values[1]);
  }
  rate_ms_ = std::max(median(std::span(values).first(n)), latest);
}

}  // namespace quandex
