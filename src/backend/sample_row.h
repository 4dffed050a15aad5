// Choosing one token from one row of logits: the single definition of sampling, used by the backends' `sample` and by
// the engine's host path alike.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace quandex {

struct SampleParameters {
  float temperature = 0;  // 0: greedy
  float top_p = 1;        // keep the smallest prefix of the sorted probabilities whose sum reaches top_p; >= 1: all
  float min_p = 0;        // keep probabilities >= min_p * the largest
  int32_t top_k = 0;      // keep the k largest logits; 0: all
  uint64_t seed = 0;
  int32_t output_index = 0;  // of the token within its request: random numbers are keyed by (seed, output_index)
  int32_t n_ids = 0;         // only ids below it exist, whatever the other logits hold; 0: all
};

// Reused working memory; grows to the vocabulary once.
struct SampleScratch {
  std::vector<std::pair<float, int32_t>> candidates;
};

// The id, or -1 where the row holds NaN or +infinity or nothing finite. Order of the chain: temperature, top-k, top-p,
// min-p. Ties go to the lowest id. Sums run in double over descending probabilities.
int32_t sample_row(std::span<const float> logits, const SampleParameters& parameters, SampleScratch& scratch);

// A uniform number in [0, 1) that depends on nothing but its two keys.
double keyed_uniform(uint64_t seed, uint64_t index);

// The row as CommandBatch::sample reads it, and back.
void pack_sample_parameters(const SampleParameters& parameters, std::span<int32_t> row);
SampleParameters unpack_sample_parameters(std::span<const int32_t> row);

}  // namespace quandex
