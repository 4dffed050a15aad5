// How a request wants its tokens chosen, and the part of it that runs on the host: bias and penalties. The order is:
// bias, frequency and presence penalties (over generated tokens), repetition penalty (over prompt and generated
// tokens), then sample_row's chain of temperature, top-k, top-p, min-p.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/sample_row.h"

namespace quandex {

struct SamplingParams {
  float temperature = 0;        // 0: greedy, the lowest id wins a tie
  int top_k = 0;                // 0: off
  float top_p = 1;              // 1: off
  float min_p = 0;              // 0: off
  float repeat_penalty = 1;     // logits of tokens seen are divided by it where positive, else multiplied; 1: off
  float frequency_penalty = 0;  // subtracted once per occurrence
  float presence_penalty = 0;   // subtracted where there is an occurrence
  uint64_t seed = 0;

  bool has_penalties() const { return repeat_penalty != 1 || frequency_penalty != 0 || presence_penalty != 0; }
};

// Added to a token's logit before everything else; OpenAI's range is -100 to 100. kBannedBias and less ban the token
// whatever its logit is. Biases of the same token add up.
inline constexpr float kBannedBias = -100, kMostBias = 100;
struct LogitBias {
  int32_t token = 0;
  float bias = 0;
};

// Throws Error{invalid_argument} naming the parameter, the value found and the values possible.
void check_sampling_params(const SamplingParams& params);

// The same for biases: of tokens below n_ids, each between kBannedBias and kMostBias, and not a ban of every token.
void check_logit_bias(std::span<const LogitBias> biases, int n_ids);

SampleParameters sample_parameters(const SamplingParams& params, int output_index, int n_ids = 0);

// Chooses tokens on the host. Its working memory is made once, so sampling allocates nothing.
class HostSampler {
 public:
  // Ids at or above n_ids are never sampled; 0: all may be.
  explicit HostSampler(int vocab, int n_ids = 0);

  // The next token after `tokens` (the prompt's n_prompt, then those generated), or -1 where logits are not finite or
  // everything is banned.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> tokens, int n_prompt,
                 const SamplingParams& params, std::span<const LogitBias> biases = {});

 private:
  void apply_biases(std::span<const LogitBias> biases);
  void apply_penalties(std::span<const int32_t> tokens, size_t n_prompt, const SamplingParams& params);

  int n_ids_;
  std::vector<float> logits_;
  std::vector<int32_t> n_generated_;  // by token; this and the next are all zero between calls
  std::vector<uint8_t> is_seen_;
  SampleScratch scratch_;
};

}  // namespace quandex
