// Tokens shown to people: a line each, or the text itself with the tokens told apart by colour.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>

#include "text/tokenizer.h"

namespace quandex::cli {

// "     40 Hello" for each: id and text, escaped. In the colours of print_token_colours() where the stream wants
// colour.
void print_token_lines(std::FILE* stream, const Tokenizer& tokenizer, std::span<const int32_t> tokens);

// The text as it is, every other token on another ground and control tokens in a colour of their own; a line break is
// shown as an arrow too. The stream must want colour.
void print_token_colours(std::FILE* stream, const Tokenizer& tokenizer, std::span<const int32_t> tokens);

}  // namespace quandex::cli
