#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

void require(bool is_right, std::string_view name, double found, std::string_view expected) {
  if (!is_right) throw Error(ErrorCode::invalid_argument, "{}: {} is not {}", name, found, expected);
}

}  // namespace

void check_sampling_params(const SamplingParams& params) {
  const auto between = [](float x, float least, float most) { return x >= least && x <= most; };  // false for NaN
  require(between(params.temperature, 0, 100), "temperature", params.temperature, "between 0 and 100");
  require(params.top_k >= 0, "top_k", params.top_k, "0 (off) or more");
  require(params.top_p > 0 && params.top_p <= 1, "top_p", params.top_p, "above 0 and at most 1");
  require(between(params.min_p, 0, 1), "min_p", params.min_p, "between 0 and 1");
  require(params.repeat_penalty > 0 && params.repeat_penalty <= 100, "repeat_penalty", params.repeat_penalty,
          "above 0 and at most 100");
  require(between(params.frequency_penalty, -100, 100), "frequency_penalty", params.frequency_penalty,
          "between -100 and 100");
  require(between(params.presence_penalty, -100, 100), "presence_penalty", params.presence_penalty,
          "between -100 and 100");
}

void check_logit_bias(std::span<const LogitBias> biases, int n_ids) {
  for (const auto& [token, bias] : biases) {
    if (token < 0 || token >= n_ids) {
      throw Error(ErrorCode::invalid_argument, "logit_bias: token {} is not in the vocabulary of {}", token, n_ids);
    }
    if (!(bias >= kBannedBias && bias <= kMostBias)) {
      throw Error(ErrorCode::invalid_argument, "logit_bias: {} of token {} is not between {} and {}", bias, token,
                  kBannedBias, kMostBias);
    }
  }
  if (biases.size() < static_cast<size_t>(n_ids)) return;
  std::vector<bool> is_banned(static_cast<size_t>(n_ids));
  for (const auto& [token, bias] : biases)
    if (bias <= kBannedBias) is_banned[static_cast<size_t>(token)] = true;
  if (std::ranges::find(is_banned, false) == is_banned.end()) {
    throw Error(ErrorCode::invalid_argument, "logit_bias: every token is banned");
  }
}

SampleParameters sample_parameters(const SamplingParams& params, int output_index, int n_ids) {
  SampleParameters row;
  row.temperature = params.temperature;
  row.top_p = params.top_p;
  row.min_p = params.min_p;
  row.top_k = params.top_k;
  row.seed = params.seed;
  row.output_index = output_index;
  row.n_ids = n_ids;
  return row;
}

HostSampler::HostSampler(int vocab, int n_ids)
    : n_ids_(n_ids),
      logits_(static_cast<size_t>(vocab)),
      n_generated_(static_cast<size_t>(vocab)),
      is_seen_(static_cast<size_t>(vocab)) {
  scratch_.candidates.reserve(static_cast<size_t>(vocab));
}

int32_t HostSampler::sample(std::span<const float> logits, std::span<const int32_t> tokens, int n_prompt,
                            const SamplingParams& params, std::span<const LogitBias> biases) {
  CHECK(logits.size() == logits_.size());
  const SampleParameters row = sample_parameters(params, static_cast<int>(tokens.size()) - n_prompt, n_ids_);
  if (!params.has_penalties() && biases.empty()) return sample_row(logits, row, scratch_);
  std::ranges::copy(logits, logits_.begin());
  apply_biases(biases);
  if (params.has_penalties()) apply_penalties(tokens, static_cast<size_t>(n_prompt), params);
  return sample_row(logits_, row, scratch_);
}

void HostSampler::apply_biases(std::span<const LogitBias> biases) {
  for (const auto& [token, bias] : biases) {
    float& logit = logits_[static_cast<size_t>(token)];
    // A logit that is no number stays one, so that a ban hides no damage.
    if (bias <= kBannedBias && std::isfinite(logit)) {
      logit = -std::numeric_limits<float>::infinity();
    } else {
      logit += bias;
    }
  }
}

void HostSampler::apply_penalties(std::span<const int32_t> tokens, size_t n_prompt, const SamplingParams& params) {
  for (size_t i = n_prompt; i < tokens.size(); ++i) ++n_generated_[static_cast<size_t>(tokens[i])];
  for (const int32_t token : tokens) {
    const auto id = static_cast<size_t>(token);
    if (is_seen_[id]) continue;
    is_seen_[id] = 1;
    float& logit = logits_[id];
    const auto n = static_cast<float>(n_generated_[id]);
    if (n > 0) logit -= n * params.frequency_penalty + params.presence_penalty;
    logit = logit > 0 ? logit / params.repeat_penalty : logit * params.repeat_penalty;
  }
  for (const int32_t token : tokens) {
    is_seen_[static_cast<size_t>(token)] = 0;
    n_generated_[static_cast<size_t>(token)] = 0;
  }
}

}  // namespace quandex
