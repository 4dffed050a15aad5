#include "cli/chat_settings.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "cli/usage.h"

namespace quandex::cli {
namespace {

std::string refusal_of(std::string_view name, std::string_view value) {
  ChatSettings settings;
  try {
    set_setting(settings, name, value);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal_of(const char* json) {
  ChatSettings settings;
  try {
    read_settings(Json::parse(json), settings);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ChatSettings, every_setting_is_set_and_shown_by_its_name) {
  ChatSettings settings;
  for (const std::string& name : setting_names()) {
    const std::string value = name == "on_overflow" ? "drop-oldest" : name == "stats" ? "on" : "1";
    set_setting(settings, name, value);
    EXPECT_EQ(setting_text(settings, name), value) << name;
    EXPECT_FALSE(setting_help(name).empty());
  }
  EXPECT_EQ(settings.sampling.top_k, 1);
  EXPECT_EQ(settings.sampling.presence_penalty, 1);
  EXPECT_EQ(settings.max_tokens, 1);
  EXPECT_EQ(settings.seed, 1);
  EXPECT_EQ(settings.on_overflow, OverflowPolicy::drop_oldest);
  set_setting(settings, "seed", "random");
  EXPECT_FALSE(settings.seed);
}

TEST(ChatSettings, bad_names_and_values_are_refused_with_what_is_possible) {
  EXPECT_EQ(refusal_of("temprature", "1"), "no setting temprature; did you mean temperature?");
  EXPECT_EQ(refusal_of("colour", "1"), "no setting colour");
  EXPECT_EQ(refusal_of("top-p", "0"), "top_p is 0; expected 0.0001 to 1");
  EXPECT_EQ(refusal_of("top_k", "1.5"), "top_k is '1.5'; expected an integer from 0 to 16777216");
  EXPECT_EQ(refusal_of("seed", "-1"), "seed is -1; expected 0 to 9223372036854775807");
  EXPECT_EQ(refusal_of("on_overflow", "drop"), "on_overflow is 'drop'; expected one of stop, drop-oldest");
  EXPECT_EQ(refusal_of("stats", "yes"), "stats is 'yes'; expected on or off");
}

TEST(ChatSettings, json_gives_the_same_settings_back) {
  ChatSettings settings;
  settings.sampling = {.temperature = 0.7f,
                       .top_k = 40,
                       .top_p = 0.9f,
                       .min_p = 0.05f,
                       .repeat_penalty = 1.1f,
                       .frequency_penalty = -0.3f,
                       .presence_penalty = 1e-7f};
  settings.seed = std::numeric_limits<int64_t>::max();
  settings.max_tokens = 100;
  settings.thinks = false;
  ChatSettings read;
  read_settings(Json::parse(settings_to_json(settings).dump()), read);
  EXPECT_EQ(settings_to_json(read), settings_to_json(settings));
  EXPECT_EQ(read.sampling.presence_penalty, settings.sampling.presence_penalty);
  EXPECT_EQ(read.seed, settings.seed);
  EXPECT_EQ(read.thinks, false);
  EXPECT_NE(settings_to_json(settings).dump().find("\"temperature\":0.7,"), std::string::npos);
}

TEST(ChatSettings, json_that_names_no_setting_changes_nothing) {
  EXPECT_EQ(refusal_of(R"([1])"), "settings: found array, expected an object");
  EXPECT_EQ(refusal_of(R"({"top_kk": 1})"), "settings: unknown name top_kk; did you mean top_k?");
  EXPECT_EQ(refusal_of(R"({"stats": true})"), "settings: unknown name stats");
  EXPECT_EQ(refusal_of(R"({"top_k": "1"})"), "settings: top_k: found string, expected a number");
  EXPECT_EQ(refusal_of(R"({"top_k": 1e9})"),
            "settings: top_k is '1000000000.0'; expected an integer from 0 to 16777216");
  EXPECT_EQ(refusal_of(R"({"think": 1})"), "settings: think: found number, expected true, false or null");
  ChatSettings settings;
  const Json before = settings_to_json(settings);
  EXPECT_THROW(read_settings(Json::parse(R"({"top_k": 7, "top_p": 7})"), settings), Error);
  EXPECT_EQ(settings_to_json(settings), before);
}

}  // namespace
}  // namespace quandex::cli
