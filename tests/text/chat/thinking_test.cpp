#include "text/chat/thinking.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace quandex {
namespace {

std::optional<bool> of_user(std::string_view text) {
  return soft_thinking_switch(Json::array({{{"role", "user"}, {"content", text}}}));
}

TEST(SoftThinkingSwitch, is_a_word_of_its_own) {
  EXPECT_EQ(of_user("How many? /no_think"), false);
  EXPECT_EQ(of_user("/think How many?"), true);
  EXPECT_EQ(of_user("How many? /nothink"), false);
  EXPECT_EQ(of_user("a\n/think."), true);
  for (const char* text : {"", "/", "think", "/thinking", "a/think", "//think", "/no_thinking", "/think/", "/Think"})
    EXPECT_EQ(of_user(text), std::nullopt) << text;
}

TEST(SoftThinkingSwitch, the_last_one_of_user_or_system_wins) {
  const auto message = [](const char* role, Json content) { return Json{{"role", role}, {"content", content}}; };
  EXPECT_EQ(of_user("/think /no_think"), false);
  EXPECT_EQ(soft_thinking_switch({message("system", "/no_think"), message("user", "Hi")}), false);
  EXPECT_EQ(soft_thinking_switch({message("system", "/no_think"), message("user", "/think"), message("user", "Hi")}),
            true);
  EXPECT_EQ(soft_thinking_switch({message("user", "/think"), message("assistant", "/no_think")}), true);
  const Json parts = Json::array({{{"type", "text"}, {"text", "a /no_think"}}, {{"type", "image"}}});
  EXPECT_EQ(soft_thinking_switch(Json::array({message("user", parts)})), false);
  EXPECT_EQ(soft_thinking_switch(Json::array({1, Json::object(), message("user", nullptr)})), std::nullopt);
}

TEST(SoftThinkingSwitch, is_left_out_of_shown_text_with_the_space_before_it) {
  EXPECT_EQ(without_thinking_switches("How many? /no_think"), "How many?");
  EXPECT_EQ(without_thinking_switches("/think How /no_think many?"), " How many?");
  EXPECT_EQ(without_thinking_switches("a/think"), "a/think");
}

}  // namespace
}  // namespace quandex
