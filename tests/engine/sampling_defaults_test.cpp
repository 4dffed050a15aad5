#include "engine/sampling_defaults.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace quandex {
namespace {

constexpr SamplingParams kOtherwise{.temperature = 0.8f, .top_p = 0.9f};

std::string refusal(const Metadata& metadata) {
  try {
    recommended_sampling(metadata, kOtherwise);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
  return "";
}

TEST(SamplingDefaults, what_the_file_recommends_replaces_what_it_names) {
  Metadata metadata("m.gguf");
  metadata.set_f32("general.sampling.temp", 0.6f);
  metadata.set("general.sampling.top_k", {MetaType::i32, int64_t{20}});
  const SamplingParams params = recommended_sampling(metadata, kOtherwise);
  EXPECT_EQ(params.temperature, 0.6f);
  EXPECT_EQ(params.top_k, 20);
  EXPECT_EQ(params.top_p, 0.9f);
  EXPECT_EQ(params.min_p, 0.0f);
}

TEST(SamplingDefaults, no_top_k_may_be_said_as_minus_one) {
  Metadata metadata("m.gguf");
  metadata.set("general.sampling.top_k", {MetaType::i32, int64_t{-1}});
  EXPECT_EQ(recommended_sampling(metadata, {.top_k = 7}).top_k, 0);
}

TEST(SamplingDefaults, values_out_of_range_are_errors_of_the_file) {
  Metadata metadata("m.gguf");
  metadata.set_f32("general.sampling.top_p", 1.5f);
  EXPECT_EQ(refusal(metadata), "m.gguf: general.sampling: top_p: 1.5 is not above 0 and at most 1");
  Metadata text("m.gguf");
  text.set_string("general.sampling.temp", "hot");
  EXPECT_NE(refusal(text).find("general.sampling.temp"), std::string::npos);
  Metadata huge("m.gguf");
  huge.set("general.sampling.top_k", {MetaType::i64, int64_t{1} << 40});
  EXPECT_EQ(refusal(huge), "m.gguf: general.sampling.top_k is 1099511627776, expected at most 2147483647");
}

}  // namespace
}  // namespace quandex
