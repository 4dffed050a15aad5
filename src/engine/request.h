// What is asked of the engine, and the events in which it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/error.h"
#include "engine/log_probabilities.h"
#include "engine/sampler.h"
#include "engine/sequence.h"

namespace quandex {

struct Request {
  std::vector<int32_t> prompt;
  SamplingParams sampling;
  // Output tokens at most; the context's end may come first. 0, that nothing is generated, only together with
  // wants_prompt_logprobs.
  int max_tokens = 1;
  std::vector<int32_t> stop_ids;  // a token that ends the output and is not part of it
  std::vector<LogitBias> logit_bias;
  // Present: tokens come with their log probability and this many of the most likely ones, 0 to kMostTopLogprobs.
  std::optional<int> n_top_logprobs;
  // A PromptToken for each position of the prompt before the first Token. The whole prompt is computed, whatever is
  // cached.
  bool wants_prompt_logprobs = false;
  int priority = 0;     // higher first, without regard to fairness
  uint64_t client = 0;  // on whose fair share the request counts
};

enum class FinishReason : uint8_t { stop, length, cancelled };

// Log probabilities are natural logarithms and those of the model's own distribution: before temperature, bias and
// penalties, over all ids that can be sampled. `top` is valid during the call, most likely first; the token itself need
// not be in it.
struct Token {
  int32_t id = 0;
  std::optional<float> logprob;
  std::span<const TokenLogprob> top;
};
struct PromptToken {
  int position = 0;
  int32_t id = 0;
  std::optional<float> logprob;  // absent at position 0, which nothing predicts
  std::span<const TokenLogprob> top;
};

struct Finished {
  FinishReason reason = FinishReason::stop;
  int n_prompt = 0;
  int n_cached = 0;                       // prompt tokens whose K/V was there already
  int n_output = 0;                       // tokens sampled, a stop id included
  std::optional<CacheBreak> cache_break;  // with EngineOptions::explain_cache, where reuse ended at a token
};

// PromptTokens in order where wanted, any number of Tokens, then either how it finished or why it could not.
using Event = std::variant<Token, PromptToken, Finished, Error>;

}  // namespace quandex
