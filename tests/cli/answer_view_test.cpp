#include "cli/answer_view.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace quandex::cli {
namespace {

using Kind = ChatPart::Kind;

ChatDelta delta_of(Kind kind, std::string text) {
  ChatDelta delta;
  if (kind == Kind::reasoning) delta.reasoning = text;
  if (kind == Kind::content) delta.content = text;
  if (kind == Kind::tool_call) delta.tool_calls.push_back({"id", "weather", "{\"city\": \"Oslo\"}"});
  delta.parts.push_back({kind, std::move(text)});
  return delta;
}

// What is written for some deltas.
std::string shown(bool is_terminal, bool has_colour, const std::vector<ChatDelta>& deltas) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  AnswerView view(file.get(), is_terminal, has_colour);
  for (const ChatDelta& delta : deltas) EXPECT_TRUE(view.show(delta));
  EXPECT_TRUE(view.finish());
  std::string text(static_cast<size_t>(std::ftell(file.get())), '\0');
  std::rewind(file.get());
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file.get()), text.size());
  return text;
}

const std::vector<ChatDelta> kThought{delta_of(Kind::markup, "<think>\n"),  delta_of(Kind::reasoning, "Hm"),
                                      delta_of(Kind::reasoning, ", well."), delta_of(Kind::markup, "\n</think>\n\n"),
                                      delta_of(Kind::content, "# Yes"),     delta_of(Kind::content, "!\n- a")};

TEST(AnswerView, reasoning_is_dimmed_on_a_terminal) {
  EXPECT_EQ(shown(true, true, kThought), "\033[2mHm\033[0m\033[2m, well.\033[0m\n\n# Yes!\n- a\n");
}

TEST(AnswerView, reasoning_is_marked_where_there_is_no_colour) {
  EXPECT_EQ(shown(true, false, kThought), "[thinking]\nHm, well.\n[answer]\n# Yes!\n- a\n");
}

TEST(AnswerView, elsewhere_the_answer_stands_alone_byte_for_byte) {
  EXPECT_EQ(shown(false, false, kThought), "# Yes!\n- a\n");
  EXPECT_EQ(shown(false, false, {delta_of(Kind::content, "\033[1m\a"), delta_of(Kind::content, "x\n")}),
            "\033[1m\ax\n");
  EXPECT_EQ(shown(false, false, {}), "");
}

TEST(AnswerView, a_model_cannot_command_a_terminal) {
  EXPECT_EQ(shown(true, true, {delta_of(Kind::reasoning, "\033]0;x\a"), delta_of(Kind::content, "\033[2J")}),
            "\033[2m\\x1b]0;x\\x07\033[0m\n\n\\x1b[2J\n");
}

TEST(AnswerView, each_call_has_a_line) {
  const std::vector<ChatDelta> calls{delta_of(Kind::content, "Let me see."), delta_of(Kind::tool_call, "<tool_call>"),
                                     delta_of(Kind::tool_call, "<tool_call>")};
  EXPECT_EQ(shown(false, false, calls),
            "Let me see.\n[tool call] weather {\"city\": \"Oslo\"}\n[tool call] weather {\"city\": \"Oslo\"}\n");
}

}  // namespace
}  // namespace quandex::cli
