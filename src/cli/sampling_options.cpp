#include "cli/sampling_options.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "cli/verb.h"
#include "engine/sampling_defaults.h"

namespace quandex::cli {
namespace {

using P = SamplingParams;
constexpr std::array<SamplingSetting, 7> kSettings{{
    {"temperature", &P::temperature, nullptr, 0, 100, "0: always the likeliest token"},
    {"top_k", nullptr, &P::top_k, 0, 1 << 24, "Only the k likeliest tokens; 0: all"},
    {"top_p", &P::top_p, nullptr, 0.0001, 1, "Only the likeliest tokens that sum to p; 1: all"},
    {"min_p", &P::min_p, nullptr, 0, 1, "Only tokens at least this share as likely as the first"},
    {"repeat_penalty", &P::repeat_penalty, nullptr, 0.01, 100, "Above 1: tokens seen become less likely"},
    {"frequency_penalty", &P::frequency_penalty, nullptr, -100, 100, "Subtracted for each occurrence"},
    {"presence_penalty", &P::presence_penalty, nullptr, -100, 100, "Subtracted for a first occurrence"},
}};

}  // namespace

std::span<const SamplingSetting> sampling_settings() { return kSettings; }

void add_sampling_options(CLI::App& app, SamplingParams& sampling) {
  for (const SamplingSetting& setting : kSettings) {
    std::string flag = "--" + std::string(setting.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    const std::string help(setting.help);
    if (setting.real) {
      add_real(app, flag, sampling.*setting.real, setting.least, setting.most, help);
    } else {
      add_integer(app, flag, sampling.*setting.integer, static_cast<int>(setting.least), static_cast<int>(setting.most),
                  help);
    }
  }
}

SamplingParams with_recommended(const SamplingParams& parsed, const Metadata& metadata,
                                std::span<const std::string> named) {
  const SamplingParams recommended = recommended_sampling(metadata, kDefaultSampling);
  SamplingParams sampling = parsed;
  for (const SamplingSetting& setting : kSettings) {
    if (std::ranges::find(named, setting.name) != named.end()) continue;
    if (setting.real) {
      sampling.*setting.real = recommended.*setting.real;
    } else {
      sampling.*setting.integer = recommended.*setting.integer;
    }
  }
  return sampling;
}

std::vector<std::string> named_settings(const CLI::App& app) {
  std::vector<std::string> names;
  for (const std::string& flag : given_flags(app)) {
    std::string name = flag.substr(flag.find_first_not_of('-'));
    std::ranges::replace(name, '-', '_');
    names.push_back(name == "tokens" ? "max_tokens" : name);
  }
  return names;
}

uint64_t random_seed() {
  std::random_device device;
  return device() & 0x7fffffffu;
}

}  // namespace quandex::cli
