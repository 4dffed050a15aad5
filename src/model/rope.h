// RoPE tables: every kind of scaling becomes inverse frequencies and a factor of cos and sin at load.
//
// Where the scaling depends on the length of a text (dynamic NTK, longrope), a sequence gets its table when it is
// admitted, by the length that it may grow to, and keeps it: every way of computing the sequence agrees. This is what
// transformers computes in one full forward over that many tokens; its token-by-token decoding changes tables on the
// way while keys of the old one stay in its cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quandex {

enum class RopeScaling : uint8_t { none, linear, dynamic, yarn, longrope };

// The definition of a RoPE table before it is computed.
struct RopeSpec {
  int dims = 0;  // rotated values of a head; 0: no rotation
  double base = 10000;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;                // linear, dynamic, yarn: how much longer the context becomes
  int original_context = 0;         // dynamic, yarn, longrope: trained length before scaling
  double beta_fast = 32;            // yarn: dimensions with more rotations in the original context keep their frequency
  double beta_slow = 1;             // yarn: dimensions with fewer are interpolated
  bool truncates = true;            // yarn: the bounds between them are whole dimensions
  double attention_factor = 1;      // cos and sin are multiplied by it
  std::vector<float> factors;       // each inverse frequency is divided by its own (Llama 3; longrope's short ones)
  std::vector<float> long_factors;  // longrope: instead of `factors` for sequences beyond the original context

  friend bool operator==(const RopeSpec&, const RopeSpec&) = default;
};

// dims / 2 inverse frequencies for sequences of `length` tokens, computed in double. Sources: Su et al., "RoFormer"
// (2021), section 3.2.2; Peng et al., "YaRN" (2023); Ding et al., "LongRoPE" (2024); dynamic NTK as transformers
// defines it: base * (factor * length / original - (factor - 1))^(dims / (dims - 2)) beyond the original context.
std::vector<float> rope_inverse_frequencies(const RopeSpec& spec, int64_t length);

// The lengths that choose among a model's tables (ModelConfig::rope_variant_lengths): table i serves lengths up to the
// i-th, one more table all longer ones; empty where one table serves all. Dynamic NTK gets a table for every length up
// to factor * original context, or for every k-th of them where they are more than 4096.
std::vector<int> rope_variant_lengths(const RopeSpec& spec);

// The tables for such a list of lengths, one after the other: [lengths.size() + 1, dims / 2].
std::vector<float> rope_tables(const RopeSpec& spec, std::span<const int> lengths);

// yarn and longrope: the factor of cos and sin where a configuration gives none.
double default_yarn_attention_factor(double factor);
double default_longrope_attention_factor(double factor, int original_context);

// What each inverse frequency is divided by under Llama 3.1's scaling by wavelength.
std::vector<float> llama3_rope_factors(int dims, double base, double factor, double low_freq_factor,
                                       double high_freq_factor, double original_context);

}  // namespace quandex
