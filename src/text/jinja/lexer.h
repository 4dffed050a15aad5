// Cuts a template into tokens by jinja2's rules with trim_blocks and lstrip_blocks: text between tags arrives with its
// whitespace already cut, comments not at all, and raw blocks as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/position.h"

namespace quandex::jinja {

enum class TokenType : uint8_t {
  data,
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  string,
  integer,
  real,
  symbol,
  end
};

struct Token {
  TokenType type = TokenType::end;
  std::string text;  // of data, names, strings (escapes resolved), symbols such as "**"
  int64_t integer = 0;
  double real = 0;
  Position at;

  bool is_symbol(std::string_view symbol) const { return type == TokenType::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return type == TokenType::name && text == name; }
};

// The last token is `end`. Throws Error{invalid_file}.
std::vector<Token> tokenize(std::string_view source, std::string_view name);

// For messages: "the name 'x'", "the end of the template".
std::string describe(const Token& token);

}  // namespace quandex::jinja
