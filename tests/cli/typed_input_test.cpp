#include "cli/typed_input.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/usage.h"

namespace quandex::cli {
namespace {

// The inputs that some lines make; "..." where one is not complete at the end.
std::vector<std::string> inputs_of(const std::vector<std::string>& lines) {
  InputAssembler assembler;
  std::vector<std::string> inputs;
  for (const std::string& line : lines)
    if (const auto input = assembler.add(line)) inputs.push_back(*input);
  if (!assembler.is_empty()) inputs.emplace_back("...");
  return inputs;
}

using Texts = std::vector<std::string>;

TEST(InputAssembler, a_line_is_an_input) { EXPECT_EQ(inputs_of({"a", "", " b "}), (Texts{"a", "", " b "})); }

TEST(InputAssembler, a_backslash_at_the_end_goes_on_in_the_next_line) {
  EXPECT_EQ(inputs_of({"a\\", "b \\", "c", "d"}), (Texts{"a\nb \nc", "d"}));
  EXPECT_EQ(inputs_of({"a\\b", "a\\"}), (Texts{"a\\b", "..."}));
}

TEST(InputAssembler, a_block_lasts_to_its_fence) {
  EXPECT_EQ(inputs_of({"\"\"\"a", "b\"\"\"", "c"}), (Texts{"a\nb", "c"}));
  EXPECT_EQ(inputs_of({"\"\"\"", "a \\", "\"b\"", "\"\"\""}), (Texts{"a \\\n\"b\""}));
  EXPECT_EQ(inputs_of({"\"\"\"", "", "a", "", "\"\"\""}), (Texts{"\na\n"}));
  EXPECT_EQ(inputs_of({"\"\"\"one line\"\"\"", "b"}), (Texts{"one line", "b"}));
  EXPECT_EQ(inputs_of({"\"\"\"\"\"\"", "b"}), (Texts{"", "b"}));
  EXPECT_EQ(inputs_of({"\"\"\"a", "b"}), (Texts{"..."}));
  EXPECT_EQ(inputs_of({"say \"\"\"a", "b"}), (Texts{"say \"\"\"a", "b"}));
}

TEST(InputAssembler, what_holds_newlines_already_stands_as_it_is) {
  EXPECT_EQ(inputs_of({"\"\"\"doc\nx = 1\\", "b"}), (Texts{"\"\"\"doc\nx = 1\\", "b"}));
  EXPECT_EQ(inputs_of({"\"\"\"a", "pasted\nlines", "b\"\"\""}), (Texts{"a\npasted\nlines\nb"}));
}

TEST(InputAssembler, clear_forgets_the_lines_so_far) {
  InputAssembler assembler;
  EXPECT_FALSE(assembler.add("\"\"\"a"));
  assembler.clear();
  EXPECT_TRUE(assembler.is_empty());
  EXPECT_EQ(assembler.add("b"), "b");
}

std::string refusal_of(std::string_view input) {
  try {
    parse_typed(input);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TypedInput, every_command_is_found_with_its_argument) {
  for (const CommandInfo& info : chat_commands()) {
    const auto plain = parse_typed(info.word);
    EXPECT_EQ(std::get<Command>(plain).id, info.id) << info.word;
    EXPECT_EQ(std::get<Command>(plain).argument, "");
    const std::string with_argument = std::string(info.word) + " \t some  text\n ";
    if (info.arguments.empty()) {
      EXPECT_EQ(refusal_of(with_argument), std::string(info.word) + " takes no argument, found 'some  text'");
    } else {
      EXPECT_EQ(std::get<Command>(parse_typed(with_argument)).argument, "some  text");
    }
  }
}

TEST(TypedInput, other_texts_are_messages_as_they_are) {
  for (const char* text : {"hello", " /help", "a /help", "\n/help", "1/2"})
    EXPECT_EQ(std::get<Message>(parse_typed(text)).text, text);
  EXPECT_EQ(std::get<Message>(parse_typed("//help")).text, "/help");
  EXPECT_EQ(std::get<Message>(parse_typed("///")).text, "//");
  for (const char* text : {"", " \t\n "}) EXPECT_TRUE(std::holds_alternative<Nothing>(parse_typed(text)));
}

TEST(TypedInput, no_think_alone_is_think_off) {
  for (const char* text : {"/no_think", "/nothink "}) {
    const auto typed = parse_typed(text);
    EXPECT_EQ(std::get<Command>(typed).id, CommandId::think);
    EXPECT_EQ(std::get<Command>(typed).argument, "off");
  }
  EXPECT_EQ(refusal_of("/no_think Why?"),
            "/no_think alone turns thinking off; //no_think Why? sends a message that begins with /no_think");
}

TEST(TypedInput, an_unknown_command_is_answered_with_the_nearest) {
  EXPECT_EQ(refusal_of("/hepl"), "no command /hepl; did you mean /help?");
  EXPECT_EQ(refusal_of("/sav x.json"), "no command /sav; did you mean /save?");
  EXPECT_EQ(refusal_of("/usr/bin"),
            "no command /usr/bin; /help lists them, and //... sends a message that begins with /");
  EXPECT_EQ(refusal_of("/\033[2J").substr(0, 20), "no command /\\x1b[2J;");
}

}  // namespace
}  // namespace quandex::cli
