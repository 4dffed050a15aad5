#include "engine/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quandex {

LogProbabilities::LogProbabilities(std::span<const float> logits) : logits_(logits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float largest = -kInfinity;
  for (const float logit : logits) {
    if (std::isnan(logit) || logit == kInfinity) return;
    largest = std::max(largest, logit);
  }
  if (largest == -kInfinity) return;
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - largest);
  largest_ = largest;
  log_total_ = std::log(total);
  is_valid_ = true;
}

float LogProbabilities::of(int32_t token) const {
  const auto id = static_cast<size_t>(token);
  if (id >= logits_.size()) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(static_cast<double>(logits_[id]) - largest_ - log_total_);
}

// A short list in order, into which most logits do not come: one comparison each.
std::span<const TokenLogprob> LogProbabilities::top(std::span<TokenLogprob> room) const {
  if (room.empty()) return {};
  size_t n = 0;
  for (size_t id = 0; id < logits_.size(); ++id) {
    const float logit = logits_[id];
    if (n == room.size() && logit <= room[n - 1].logprob) continue;
    if (n < room.size()) ++n;
    size_t at = n - 1;
    for (; at > 0 && room[at - 1].logprob < logit; --at) room[at] = room[at - 1];
    room[at] = {static_cast<int32_t>(id), logit};
  }
  for (TokenLogprob& token : room.first(n)) token.logprob = of(token.id);
  return room.first(n);
}

}  // namespace quandex
