// A row of logits as probabilities: natural logarithms of the softmax, as the model gave it.
#pragma once

#include <cstdint>
#include <span>

namespace quandex {

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

inline constexpr int kMostTopLogprobs = 20;

// Views the logits, which must outlive it. Sums run in double over ids in order.
class LogProbabilities {
 public:
  explicit LogProbabilities(std::span<const float> logits);

  // False where the row holds NaN or +infinity or nothing finite: then there are no probabilities.
  bool is_valid() const { return is_valid_; }

  float of(int32_t token) const;  // -infinity for an id beyond the row

  // The most likely tokens, as many as there is room for, most likely first and the lowest id first among equals.
  // Returns the part of `room` that has been filled.
  std::span<const TokenLogprob> top(std::span<TokenLogprob> room) const;

 private:
  std::span<const float> logits_;
  double largest_ = 0, log_total_ = 0;
  bool is_valid_ = false;
};

}  // namespace quandex
