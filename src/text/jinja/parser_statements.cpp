#include <algorithm>
#include <array>

#include "base/shown.h"
#include "text/jinja/ast_walk.h"
#include "text/jinja/names_used.h"
#include "text/jinja/parser.h"
#include "text/jinja/scope.h"

namespace quandex::jinja {
namespace {

constexpr int kMaxStatementNesting = 100;

// Statements that jinja2 has and this engine does not.
constexpr std::array<std::string_view, 6> kRefusedStatements = {"include", "import", "from",
                                                                "extends", "block",  "autoescape"};

template <typename Node>
Statement make_statement(Position at, Node node) {
  Statement statement;
  statement.at = at;
  statement.node = std::move(node);
  return statement;
}

bool is_one_of(const Token& token, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return token.is_name(name); });
}

// "a", "a or b", "a, b or c", each as a tag.
std::string tags(std::initializer_list<std::string_view> names) {
  std::string text;
  size_t n_left = names.size();
  for (const std::string_view name : names) {
    text += fmt::format("{{% {} %}}", name);
    --n_left;
    if (n_left > 0) text += n_left == 1 ? " or " : ", ";
  }
  return text;
}

}  // namespace

Program parse_template(std::string_view source, std::string_view name) {
  Program program = Parser(tokenize(source, name), name).parse();
  resolve_names(program, name);
  return program;
}

Program Parser::parse() {
  Program program;
  program.body = parse_body({}, "", {});
  return program;
}

const Token& Parser::take() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::skip_symbol(std::string_view symbol) {
  const bool is_there = current().is_symbol(symbol);
  if (is_there) ++at_;
  return is_there;
}

bool Parser::skip_name(std::string_view name) {
  const bool is_there = current().is_name(name);
  if (is_there) ++at_;
  return is_there;
}

void Parser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) fail_expected(fmt::format("'{}'", symbol));
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_expected(fmt::format("'{}'", name));
}

Token Parser::expect(TokenType type, std::string_view expected) {
  if (current().type != type) fail_expected(expected);
  return take();
}

void Parser::fail_expected(std::string_view expected) const {
  fail(current().at, fmt::format("found {}, expected {}", describe(current()), expected));
}

void Parser::fail(Position at, std::string_view message) const {
  throw_at(ErrorCode::invalid_file, name_, at, message);
}

void Parser::refuse(Position at, std::string_view what) const {
  throw_at(ErrorCode::unsupported, name_, at, fmt::format("{} is not supported", what));
}

// Statements and text up to a tag with one of the names, whose name is then the current token; without names, up to the
// end of the template.
Body Parser::parse_body(std::initializer_list<std::string_view> end_names, std::string_view opened,
                        Position opened_at) {
  Body body;
  const auto output = [&](Position at) -> Output& {
    if (body.empty() || !std::holds_alternative<Output>(body.back().node)) {
      body.push_back(make_statement(at, Output{}));
    }
    return std::get<Output>(body.back().node);
  };
  while (true) {
    const Position at = current().at;
    if (current().type == TokenType::end) {
      if (end_names.size() == 0) return body;
      fail(at, fmt::format("found the end of the template, expected {} for the {{% {} %}} of line {} column {}",
                           tags(end_names), opened, opened_at.line, opened_at.column));
    }
    const Token token = take();
    if (token.type == TokenType::data) {
      output(at).parts.emplace_back(token.text);
    } else if (token.type == TokenType::variable_begin) {
      output(at).parts.emplace_back(parse_tuple(TupleStyle::bare, true));
      expect(TokenType::variable_end, "'}}'");
    } else {
      if (is_one_of(current(), end_names)) return body;
      body.push_back(parse_statement());
      expect(TokenType::block_end, "'%}'");
    }
  }
}

// The rest of a tag and what follows it.
Body Parser::parse_tag_body(std::initializer_list<std::string_view> end_names, std::string_view opened,
                            Position opened_at) {
  skip_symbol(":");
  expect(TokenType::block_end, "'%}'");
  return parse_body(end_names, opened, opened_at);
}

Statement Parser::parse_statement() {
  if (current().type != TokenType::name) fail_expected("the name of a statement");
  if (++nesting_ > kMaxStatementNesting) {
    fail(current().at, fmt::format("found statements nested more than {} deep", kMaxStatementNesting));
  }
  const Token tag = take();
  Statement statement = parse_known_statement(tag);
  --nesting_;
  return statement;
}

Statement Parser::parse_known_statement(const Token& tag) {
  if (tag.text == "for") return parse_for(tag.at);
  if (tag.text == "if") return parse_if(tag.at);
  if (tag.text == "set") return parse_set(tag.at);
  if (tag.text == "macro") return parse_macro(tag.at);
  if (tag.text == "call") return parse_call_block(tag.at);
  if (tag.text == "filter") return parse_filter_block(tag.at);
  if (tag.text == "with") return parse_with(tag.at);
  if (tag.text == "print") return parse_print(tag.at);
  if (tag.text == "generation") return parse_generation(tag.at);
  if (tag.text == "break" || tag.text == "continue") {
    if (!is_in_loop_) fail(tag.at, fmt::format("found {{% {} %}} outside of a loop", tag.text));
    return tag.text == "break" ? make_statement(tag.at, Break{}) : make_statement(tag.at, Continue{});
  }
  if (std::find(kRefusedStatements.begin(), kRefusedStatements.end(), tag.text) != kRefusedStatements.end()) {
    refuse(tag.at, fmt::format("the statement {{% {} %}}", tag.text));
  }
  fail(tag.at,
       fmt::format("found the tag '{}', expected a statement that is known and may stand here", shown(tag.text)));
}

Statement Parser::parse_for(Position at) {
  For loop;
  const size_t target_at = at_;
  loop.target = parse_target(false);
  expect_name("in");
  loop.iterable = parse_tuple(TupleStyle::bare, false);
  if (skip_name("if")) loop.condition = parse_expression();
  if (current().is_name("recursive")) refuse(current().at, "a recursive loop");
  const bool was_in_loop = std::exchange(is_in_loop_, true);
  loop.body = parse_tag_body({"endfor", "else"}, "for", at);
  is_in_loop_ = was_in_loop;  // the else branch is outside
  if (take().text == "else") {
    loop.otherwise = parse_tag_body({"endfor"}, "for", at);
    take();
  }
  if (loop.condition) {
    const size_t end = std::exchange(at_, target_at);
    loop.condition_target = parse_target(false);
    at_ = end;
  }
  refuse_stores_of_loop(loop);
  return make_statement(at, std::move(loop));
}

Statement Parser::parse_if(Position at) {
  If statement;
  while (true) {
    ExpressionPtr condition = parse_tuple(TupleStyle::bare, false);
    Body body = parse_tag_body({"elif", "else", "endif"}, "if", at);
    statement.branches.emplace_back(std::move(condition), std::move(body));
    const Token token = take();
    if (token.text == "elif") continue;
    if (token.text == "else") {
      statement.otherwise = parse_tag_body({"endif"}, "if", at);
      take();
    }
    return make_statement(at, std::move(statement));
  }
}

Statement Parser::parse_set(Position at) {
  ExpressionPtr target = parse_target(true);
  if (skip_symbol("=")) {
    ExpressionPtr value = parse_tuple(TupleStyle::bare, true);
    return make_statement(at, Assign{std::move(target), std::move(value)});
  }
  AssignBlock block;
  block.target = std::move(target);
  while (skip_symbol("|")) block.filter = parse_filter(std::move(block.filter));
  block.body = parse_tag_body({"endset"}, "set", at);
  take();
  return make_statement(at, std::move(block));
}

Token Parser::parse_name_target() {
  Token token = expect(TokenType::name, "a name");
  constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
  if (std::find(kConstants.begin(), kConstants.end(), token.text) != kConstants.end()) {
    fail(token.at, fmt::format("found '{}' as a target, expected a name", token.text));
  }
  return token;
}

void Parser::parse_signature(Macro& macro) {
  expect_symbol("(");
  while (!current().is_symbol(")")) {
    if (!macro.parameters.empty()) expect_symbol(",");
    Token parameter = parse_name_target();
    for (const MacroParameter& other : macro.parameters) {
      if (other.name == parameter.text) {
        fail(parameter.at, fmt::format("found the parameter '{}' twice", shown(parameter.text)));
      }
    }
    ExpressionPtr value;
    if (skip_symbol("=")) {
      value = parse_expression();
    } else if (!macro.parameters.empty() && macro.parameters.back().default_value) {
      fail(parameter.at,
           fmt::format("found the parameter '{}' without a default after one with a default", shown(parameter.text)));
    }
    macro.parameters.push_back({std::move(parameter.text), std::move(value), parameter.at, 0});
  }
  expect_symbol(")");
}

void Parser::check_caller_parameter(const Macro& macro, Position at) const {
  if (!macro.takes_caller) return;
  for (const MacroParameter& parameter : macro.parameters) {
    if (parameter.name == "caller" && !parameter.default_value) {
      fail(at, "found the parameter 'caller' without a default, expected one, as a call block may be absent");
    }
  }
}

Statement Parser::parse_macro(Position at) {
  MacroDefinition definition;
  definition.macro = std::make_unique<Macro>();
  Macro& macro = *definition.macro;
  macro.name = parse_name_target().text;
  parse_signature(macro);
  const bool was_in_loop = std::exchange(is_in_loop_, false);
  macro.body = parse_tag_body({"endmacro"}, "macro", at);
  is_in_loop_ = was_in_loop;
  take();
  find_special_parameters(macro);
  check_caller_parameter(macro, at);
  return make_statement(at, std::move(definition));
}

Statement Parser::parse_call_block(Position at) {
  CallBlock block;
  block.body = std::make_unique<Macro>();
  if (current().is_symbol("(")) parse_signature(*block.body);
  const Position call_at = current().at;
  block.call = parse_expression();
  if (!std::holds_alternative<Call>(block.call->node)) {
    fail(call_at, "found an expression after 'call', expected the call of a macro");
  }
  const bool was_in_loop = std::exchange(is_in_loop_, false);
  block.body->body = parse_tag_body({"endcall"}, "call", at);
  is_in_loop_ = was_in_loop;
  take();
  find_special_parameters(*block.body);
  check_caller_parameter(*block.body, at);
  return make_statement(at, std::move(block));
}

// The tag of transformers that marks what the assistant wrote: its body is a function that is called at once.
Statement Parser::parse_generation(Position at) {
  CallBlock block;
  block.body = std::make_unique<Macro>();
  const bool was_in_loop = std::exchange(is_in_loop_, false);
  block.body->body = parse_tag_body({"endgeneration"}, "generation", at);
  is_in_loop_ = was_in_loop;
  take();
  find_special_parameters(*block.body);
  return make_statement(at, std::move(block));
}

Statement Parser::parse_filter_block(Position at) {
  FilterBlock block;
  do {
    block.filter = parse_filter(std::move(block.filter));
  } while (skip_symbol("|"));
  block.body = parse_tag_body({"endfilter"}, "filter", at);
  take();
  return make_statement(at, std::move(block));
}

Statement Parser::parse_with(Position at) {
  With statement;
  while (current().type != TokenType::block_end) {
    if (!statement.assignments.empty()) expect_symbol(",");
    ExpressionPtr target = parse_target(false);
    expect_symbol("=");
    ExpressionPtr value = parse_expression();
    statement.assignments.emplace_back(std::move(target), std::move(value));
  }
  statement.body = parse_tag_body({"endwith"}, "with", at);
  take();
  return make_statement(at, std::move(statement));
}

Statement Parser::parse_print(Position at) {
  Output output;
  while (current().type != TokenType::block_end) {
    if (!output.parts.empty()) expect_symbol(",");
    output.parts.emplace_back(parse_expression());
  }
  return make_statement(at, std::move(output));
}

// A name, a tuple of names, or where it `may_be_attribute` an attribute of a namespace.
ExpressionPtr Parser::parse_target(bool may_be_attribute) {
  const Position at = current().at;
  TupleLiteral tuple;
  bool is_tuple = false;
  while (true) {
    if (!tuple.items.empty()) expect_symbol(",");
    if (is_tuple_end()) break;
    tuple.items.push_back(parse_primary(may_be_attribute));
    if (!current().is_symbol(",")) break;
    is_tuple = true;
  }
  if (tuple.items.empty()) fail_expected("a name to assign to");
  ExpressionPtr target = is_tuple ? make(at, std::move(tuple)) : std::move(tuple.items.front());
  check_target(*target);
  return target;
}

void Parser::check_target(const Expression& target) const {
  if (const auto* tuple = std::get_if<TupleLiteral>(&target.node)) {
    for (const auto& item : tuple->items) check_target(*item);
  } else if (!std::holds_alternative<Name>(target.node) && !std::holds_alternative<NamespaceAttribute>(target.node)) {
    fail(target.at, "found an expression as a target, expected a name");
  }
}

void Parser::refuse_stores_of_loop(const For& loop) const {
  if (const auto stored = find_store(loop, "loop")) {
    fail(*stored, "found 'loop' as a target inside a loop, expected another name");
  }
}

}  // namespace quandex::jinja
