// Tokens to tree, by the grammar of jinja2 with loop controls and `generation` blocks.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace quandex::jinja {

// Parsed and with every name resolved. Throws Error{invalid_file} or Error{unsupported}.
Program parse_template(std::string_view source, std::string_view name);

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::string_view name) : tokens_(std::move(tokens)), name_(name) {}

  Program parse();

 private:
  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& look_ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take();
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  void expect_symbol(std::string_view symbol);
  void expect_name(std::string_view name);
  Token expect(TokenType type, std::string_view expected);
  [[noreturn]] void fail_expected(std::string_view expected) const;
  [[noreturn]] void fail(Position at, std::string_view message) const;
  [[noreturn]] void refuse(Position at, std::string_view what) const;

  // Statements (parser_statements.cpp).
  Body parse_body(std::initializer_list<std::string_view> end_names, std::string_view opened, Position opened_at);
  Body parse_tag_body(std::initializer_list<std::string_view> end_names, std::string_view opened, Position opened_at);
  Statement parse_statement();
  Statement parse_known_statement(const Token& tag);
  Statement parse_for(Position at);
  Statement parse_if(Position at);
  Statement parse_set(Position at);
  Statement parse_macro(Position at);
  Statement parse_call_block(Position at);
  Statement parse_filter_block(Position at);
  Statement parse_with(Position at);
  Statement parse_print(Position at);
  Statement parse_generation(Position at);
  void parse_signature(Macro& macro);
  void check_caller_parameter(const Macro& macro, Position at) const;
  void refuse_stores_of_loop(const For& loop) const;
  ExpressionPtr parse_target(bool may_be_attribute);
  Token parse_name_target();
  void check_target(const Expression& target) const;

  // Expressions (parser_expressions.cpp).
  enum class TupleStyle : uint8_t { bare, parenthesized };
  ExpressionPtr parse_expression(bool has_conditional = true);
  ExpressionPtr parse_tuple(TupleStyle style, bool has_conditional);
  ExpressionPtr parse_binary(int level);
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_unary(bool has_filter);
  ExpressionPtr parse_primary(bool may_be_attribute);
  ExpressionPtr parse_name(bool may_be_attribute);
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr operand);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr operand);
  ExpressionPtr parse_filter(ExpressionPtr operand);
  ExpressionPtr parse_test(ExpressionPtr operand);
  ExpressionPtr parse_subscript(ExpressionPtr operand);
  ExpressionPtr parse_subscript_part();
  ExpressionPtr parse_call(ExpressionPtr callee);
  ArgumentList parse_arguments();
  void parse_argument(ArgumentList& arguments, Position at);
  std::string parse_dotted_name();
  bool is_tuple_end() const;

  template <typename Node>
  ExpressionPtr make(Position at, Node node) const;

  std::vector<Token> tokens_;
  std::string_view name_;
  size_t at_ = 0;
  int nesting_ = 0;          // of constructs that are being parsed
  bool is_in_loop_ = false;  // where break and continue may stand
};

}  // namespace quandex::jinja
