// Formats as find_chat_format() finds them, and texts that models of each write, for tests of the parser alone.
#pragma once

#include <string>
#include <vector>

#include "text/chat/chat_format.h"
#include "text/chat/chat_parser.h"

namespace quandex::testing {

struct FormatCase {
  std::string name;
  ChatFormat format;
  ChatParserOptions options;
  std::vector<std::string> texts;  // realistic and hostile ones
};

inline ChatFormat think_format(ToolSyntax tools = ToolSyntax::none) {
  return {.reasoning = ReasoningTags{"<think>", "</think>", {}, ""}, .tools = tools, .unsupported_tools = {}};
}

std::vector<FormatCase> format_cases();

}  // namespace quandex::testing
