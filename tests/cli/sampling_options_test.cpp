#include "cli/sampling_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/metadata.h"

namespace quandex::cli {
namespace {

Metadata recommending() {
  Metadata metadata("model.gguf");
  metadata.set_f32("general.sampling.temp", 0.6f);
  metadata.set_u32("general.sampling.top_k", 20);
  return metadata;
}

TEST(SamplingOptions, the_call_wins_over_the_model_and_the_model_over_the_program) {
  SamplingParams parsed = kDefaultSampling;
  parsed.temperature = 0.8f;  // named, though it is the program's own
  const SamplingParams sampling = with_recommended(parsed, recommending(), std::vector<std::string>{"temperature"});
  EXPECT_EQ(sampling.temperature, 0.8f);
  EXPECT_EQ(sampling.top_k, 20);
  EXPECT_EQ(sampling.top_p, kDefaultSampling.top_p);
  EXPECT_EQ(with_recommended(parsed, recommending(), {}).temperature, 0.6f);
}

TEST(SamplingOptions, a_model_that_recommends_nothing_changes_nothing) {
  SamplingParams parsed = kDefaultSampling;
  parsed.seed = 7;
  const SamplingParams sampling = with_recommended(parsed, Metadata("model.gguf"), {});
  EXPECT_EQ(sampling.temperature, kDefaultSampling.temperature);
  EXPECT_EQ(sampling.top_p, kDefaultSampling.top_p);
  EXPECT_EQ(sampling.seed, 7u);
}

TEST(SamplingOptions, every_setting_names_one_number_with_its_range) {
  SamplingParams params = kDefaultSampling;
  for (const SamplingSetting& setting : sampling_settings()) {
    EXPECT_NE(setting.real == nullptr, setting.integer == nullptr) << setting.name;
    const double value = setting.real ? static_cast<double>(params.*setting.real) : params.*setting.integer;
    EXPECT_LE(setting.least, value) << setting.name;
    EXPECT_GE(setting.most, value) << setting.name;
    for (const double edge : {setting.least, setting.most}) {  // what may be set, the engine takes
      SamplingParams edged = params;
      if (setting.real) edged.*setting.real = static_cast<float>(edge);
      if (setting.integer) edged.*setting.integer = static_cast<int>(edge);
      EXPECT_NO_THROW(check_sampling_params(edged)) << setting.name << " " << edge;
    }
  }
}

}  // namespace
}  // namespace quandex::cli
