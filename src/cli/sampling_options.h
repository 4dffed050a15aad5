// How tokens are chosen: the options that `generate` and `run` share, and the same as settings of a chat.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"
#include "format/metadata.h"

namespace CLI {
class App;
}

namespace quandex::cli {

// One number of SamplingParams: exactly one of `real` and `integer` is set.
struct SamplingSetting {
  std::string_view name;  // "top_k"; the option is --top-k
  float SamplingParams::* real;
  int SamplingParams::* integer;
  double least, most;
  std::string_view help;
};
std::span<const SamplingSetting> sampling_settings();

// What text generation begins with here; SamplingParams itself is greedy.
inline constexpr SamplingParams kDefaultSampling{.temperature = 0.8f, .top_p = 0.95f};

void add_sampling_options(CLI::App& app, SamplingParams& sampling);

// What holds where the call names no option: what the model's makers recommend, else kDefaultSampling. `parsed` with
// that in the place of everything that is not among `named`, names of settings.
SamplingParams with_recommended(const SamplingParams& parsed, const Metadata& metadata,
                                std::span<const std::string> named);

// Settings that the call names as options: "top_k" for --top-k.
std::vector<std::string> named_settings(const CLI::App& app);

inline constexpr const char* kSamplingHelp =
    "Sampling that the call does not name is as the model's makers recommend it, where its files say so.\n";

uint64_t random_seed();  // short enough to be typed again

}  // namespace quandex::cli
