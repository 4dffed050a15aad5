#include "backend/sample_row.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "backend/command_batch.h"
#include "base/check.h"

namespace quandex {
namespace {

using Candidate = std::pair<float, int32_t>;

bool comes_first(const Candidate& a, const Candidate& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

struct RowSummary {
  int32_t best = -1;  // lowest id with the largest logit; -1: the row cannot be sampled
  float largest = -std::numeric_limits<float>::infinity();
};

RowSummary summarize(std::span<const float> logits) {
  RowSummary row;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float value = logits[i];
    if (std::isnan(value) || value == std::numeric_limits<float>::infinity()) return {};
    if (value > row.largest) row = {static_cast<int32_t>(i), value};
  }
  return row;
}

// Moves the k first candidates to the front, in order.
void sort_front(std::vector<Candidate>& candidates, size_t k) {
  if (k >= candidates.size()) return std::sort(candidates.begin(), candidates.end(), comes_first);
  const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(candidates.begin(), middle, candidates.end(), comes_first);
  std::sort(candidates.begin(), middle, comes_first);
}

// Keeps the smallest sorted prefix whose probability reaches top_p. Sorts no more of the tail than it needs.
void keep_top_p(std::vector<Candidate>& candidates, double top_p, float largest, double inverse_temperature) {
  double total = 0;
  for (const Candidate& c : candidates) total += std::exp((c.first - largest) * inverse_temperature);
  double sum = 0;
  size_t n_sorted = 0;
  for (size_t kept = 0; kept < candidates.size(); ++kept) {
    if (kept == n_sorted) {
      n_sorted = std::min(candidates.size(), std::max<size_t>(64, n_sorted * 4));
      sort_front(candidates, n_sorted);
    }
    sum += std::exp((candidates[kept].first - largest) * inverse_temperature);
    if (sum >= top_p * total) return candidates.resize(kept + 1);
  }
}

int32_t draw(const std::vector<Candidate>& candidates, float largest, double inverse_temperature, double uniform) {
  double total = 0;
  for (const Candidate& c : candidates) total += std::exp((c.first - largest) * inverse_temperature);
  double left = uniform * total;
  for (const Candidate& c : candidates) {
    left -= std::exp((c.first - largest) * inverse_temperature);
    if (left < 0) return c.second;
  }
  return candidates.front().second;  // rounding left a crumb: the sum fell short of the total
}

}  // namespace

double keyed_uniform(uint64_t seed, uint64_t index) {
  const auto mix = [](uint64_t x) {  // the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
  };
  constexpr uint64_t kGoldenGamma = 0x9E3779B97F4A7C15u;
  const uint64_t bits = mix(mix(seed + kGoldenGamma) + (index + 1) * kGoldenGamma);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

int32_t sample_row(std::span<const float> logits, const SampleParameters& parameters, SampleScratch& scratch) {
  if (parameters.n_ids > 0) logits = logits.first(std::min(logits.size(), static_cast<size_t>(parameters.n_ids)));
  const RowSummary row = summarize(logits);
  if (row.best < 0 || !(parameters.temperature > 0)) return row.best;
  const double inverse_temperature = 1.0 / parameters.temperature;
  // Below this logit a candidate's probability is under 1e-30 of the best one's, or under min_p of it.
  const double least_ratio = std::max(1e-30, std::min(1.0, static_cast<double>(parameters.min_p)));
  const double least_logit = row.largest + std::log(least_ratio) * parameters.temperature;

  std::vector<Candidate>& candidates = scratch.candidates;
  candidates.clear();
  candidates.reserve(logits.size());
  const bool cut_by_rank = parameters.top_k > 0 || parameters.top_p < 1;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] >= least_logit || (cut_by_rank && parameters.min_p > 0))
      candidates.emplace_back(logits[i], static_cast<int32_t>(i));

  if (parameters.top_k > 0 && static_cast<size_t>(parameters.top_k) < candidates.size()) {
    sort_front(candidates, static_cast<size_t>(parameters.top_k));
    candidates.resize(static_cast<size_t>(parameters.top_k));
  }
  if (parameters.top_p < 1) keep_top_p(candidates, parameters.top_p, row.largest, inverse_temperature);
  std::erase_if(candidates, [&](const Candidate& c) { return c.first < least_logit; });
  // One order for every combination of cuts, so that a cut which removes nothing changes nothing.
  if (cut_by_rank)
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.second < b.second; });
  const double uniform = keyed_uniform(parameters.seed, static_cast<uint64_t>(parameters.output_index));
  return draw(candidates, row.largest, inverse_temperature, uniform);
}

void pack_sample_parameters(const SampleParameters& parameters, std::span<int32_t> row) {
  CHECK(row.size() == kSampleColumns);
  row[0] = std::bit_cast<int32_t>(parameters.temperature);
  row[1] = parameters.top_k;
  row[2] = std::bit_cast<int32_t>(parameters.top_p);
  row[3] = std::bit_cast<int32_t>(parameters.min_p);
  row[4] = static_cast<int32_t>(static_cast<uint32_t>(parameters.seed));
  row[5] = static_cast<int32_t>(static_cast<uint32_t>(parameters.seed >> 32));
  row[6] = parameters.output_index;
  row[7] = parameters.n_ids;
}

SampleParameters unpack_sample_parameters(std::span<const int32_t> row) {
  CHECK(row.size() == kSampleColumns);
  SampleParameters parameters;
  parameters.temperature = std::bit_cast<float>(row[0]);
  parameters.top_k = row[1];
  parameters.top_p = std::bit_cast<float>(row[2]);
  parameters.min_p = std::bit_cast<float>(row[3]);
  parameters.seed = static_cast<uint32_t>(row[4]) | static_cast<uint64_t>(static_cast<uint32_t>(row[5])) << 32;
  parameters.output_index = row[6];
  parameters.n_ids = row[7];
  return parameters;
}

}  // namespace quandex
