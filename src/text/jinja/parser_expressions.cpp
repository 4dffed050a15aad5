#include <algorithm>
#include <array>
#include <optional>

#include "base/shown.h"
#include "text/jinja/ast_walk.h"
#include "text/jinja/filters.h"
#include "text/jinja/parser.h"
#include "text/jinja/python_text.h"
#include "text/jinja/tests.h"

namespace quandex::jinja {
namespace {

constexpr int kMaxExpressionNesting = 100;  // of what is being parsed: two or three kilobytes of stack each
constexpr uint32_t kMaxTreeDepth = 400;     // of what was parsed: long chains of operators are deep trees

std::optional<BinaryOperator> binary_operator(const Token& token, int level) {
  if (token.type != TokenType::symbol) return std::nullopt;
  const std::string& symbol = token.text;
  if (level == 0) {
    if (symbol == "+") return BinaryOperator::add;
    if (symbol == "-") return BinaryOperator::subtract;
  } else if (level == 2) {
    if (symbol == "*") return BinaryOperator::multiply;
    if (symbol == "/") return BinaryOperator::divide;
    if (symbol == "//") return BinaryOperator::floor_divide;
    if (symbol == "%") return BinaryOperator::modulo;
  } else if (level == 3 && symbol == "**") {
    return BinaryOperator::power;
  }
  return std::nullopt;
}

std::optional<ComparisonOperator> comparison_operator(const Token& token) {
  if (token.type != TokenType::symbol) return std::nullopt;
  if (token.text == "==") return ComparisonOperator::equal;
  if (token.text == "!=") return ComparisonOperator::not_equal;
  if (token.text == "<") return ComparisonOperator::less;
  if (token.text == "<=") return ComparisonOperator::less_equal;
  if (token.text == ">") return ComparisonOperator::greater;
  if (token.text == ">=") return ComparisonOperator::greater_equal;
  return std::nullopt;
}

// Counts what is nested while it lives.
class NestingGuard {
 public:
  explicit NestingGuard(int& nesting) : nesting_(nesting) { ++nesting_; }
  ~NestingGuard() { --nesting_; }
  NestingGuard(const NestingGuard&) = delete;
  NestingGuard& operator=(const NestingGuard&) = delete;

 private:
  int& nesting_;
};

// A literal of the template: no account pays for it.
Value constant_string(std::string text) {
  auto object = std::make_shared<StringObject>();
  object->text = std::move(text);
  object->n_characters = count_characters(object->text);
  return {Kind::string, std::move(object)};
}

}  // namespace

template <typename Node>
ExpressionPtr Parser::make(Position at, Node node) const {
  auto expression = std::make_unique<Expression>();
  expression->at = at;
  expression->node = std::move(node);
  for_each_child(*expression,
                 [&](const Expression& child) { expression->depth = std::max(expression->depth, child.depth + 1); });
  if (expression->depth > kMaxTreeDepth) {
    fail(at, fmt::format("found an expression of more than {} levels", kMaxTreeDepth));
  }
  return expression;
}

template ExpressionPtr Parser::make(Position, TupleLiteral) const;  // for targets

ExpressionPtr Parser::parse_expression(bool has_conditional) {
  const NestingGuard guard(nesting_);
  if (nesting_ > kMaxExpressionNesting) {
    fail(current().at, fmt::format("found an expression nested more than {} deep", kMaxExpressionNesting));
  }
  Position at = current().at;
  ExpressionPtr expression = parse_binary(-2);
  while (has_conditional && skip_name("if")) {
    Conditional conditional;
    conditional.then = std::move(expression);
    conditional.condition = parse_binary(-2);
    if (skip_name("else")) conditional.otherwise = parse_expression();
    expression = make(at, std::move(conditional));
    at = current().at;
  }
  return expression;
}

// Operators that associate to the left, by how tightly they bind: -2 or, -1 and, 0 + and -, 1 ~, 2 * / // %, 3 **.
ExpressionPtr Parser::parse_binary(int level) {
  if (level > 3) return parse_unary(true);
  const auto parse_tighter = [&] { return level == -1 ? parse_not() : parse_binary(level + 1); };
  const Position at = current().at;
  ExpressionPtr left = parse_tighter();
  if (level < 0) {
    while (skip_name(level == -2 ? "or" : "and")) {
      left = make(at, Logical{level == -1, std::move(left), parse_tighter()});
    }
    return left;
  }
  if (level == 1 && current().is_symbol("~")) {
    Concatenation concatenation;
    concatenation.parts.push_back(std::move(left));
    while (skip_symbol("~")) concatenation.parts.push_back(parse_tighter());
    return make(at, std::move(concatenation));
  }
  while (const auto op = binary_operator(current(), level)) {
    const Position operator_at = take().at;
    ExpressionPtr right = parse_tighter();
    left = make(operator_at, Binary{*op, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr Parser::parse_not() {
  if (!current().is_name("not")) return parse_comparison();
  const NestingGuard guard(nesting_);
  const Position at = take().at;
  if (nesting_ > kMaxExpressionNesting) {
    fail(at, fmt::format("found an expression nested more than {} deep", kMaxExpressionNesting));
  }
  return make(at, Unary{UnaryOperator::logical_not, parse_not()});
}

ExpressionPtr Parser::parse_comparison() {
  const Position at = current().at;
  ExpressionPtr first = parse_binary(0);
  Comparison comparison;
  while (true) {
    if (const auto op = comparison_operator(current())) {
      take();
      comparison.others.emplace_back(*op, parse_binary(0));
    } else if (skip_name("in")) {
      comparison.others.emplace_back(ComparisonOperator::in, parse_binary(0));
    } else if (current().is_name("not") && look_ahead().is_name("in")) {
      at_ += 2;
      comparison.others.emplace_back(ComparisonOperator::not_in, parse_binary(0));
    } else {
      break;
    }
  }
  if (comparison.others.empty()) return first;
  comparison.first = std::move(first);
  return make(at, std::move(comparison));
}

ExpressionPtr Parser::parse_unary(bool has_filter) {
  const Position at = current().at;
  ExpressionPtr expression;
  if (current().is_symbol("-") || current().is_symbol("+")) {
    const NestingGuard guard(nesting_);
    if (nesting_ > kMaxExpressionNesting) {
      fail(at, fmt::format("found an expression nested more than {} deep", kMaxExpressionNesting));
    }
    const bool is_negative = take().text == "-";
    expression = make(at, Unary{is_negative ? UnaryOperator::negative : UnaryOperator::positive, parse_unary(false)});
  } else {
    expression = parse_primary(false);
  }
  expression = parse_postfix(std::move(expression));
  return has_filter ? parse_filters_and_tests(std::move(expression)) : std::move(expression);
}

ExpressionPtr Parser::parse_name(bool may_be_attribute) {
  Token token = take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return make(token.at, Literal{Value::boolean(true)});
  if (name == "false" || name == "False") return make(token.at, Literal{Value::boolean(false)});
  if (name == "none" || name == "None") return make(token.at, Literal{Value::none()});
  if (may_be_attribute && skip_symbol(".")) {
    Token attribute = expect(TokenType::name, "the name of an attribute");
    return make(token.at, NamespaceAttribute{std::move(token.text), std::move(attribute.text), {}});
  }
  return make(token.at, Name{std::move(token.text), {}});
}

ExpressionPtr Parser::parse_primary(bool may_be_attribute) {
  const Position at = current().at;
  switch (current().type) {
    case TokenType::name:
      return parse_name(may_be_attribute);
    case TokenType::string: {
      std::string text = take().text;
      while (current().type == TokenType::string) text += take().text;
      return make(at, Literal{constant_string(std::move(text))});
    }
    case TokenType::integer:
      return make(at, Literal{Value::integer(take().integer)});
    case TokenType::real:
      return make(at, Literal{Value::real(take().real)});
    default:
      break;
  }
  if (current().is_symbol("[")) return parse_list();
  if (current().is_symbol("{")) return parse_dict();
  if (!skip_symbol("(")) fail_expected("an expression");
  ExpressionPtr expression = parse_tuple(TupleStyle::parenthesized, true);
  expect_symbol(")");
  return expression;
}

bool Parser::is_tuple_end() const {
  const TokenType type = current().type;
  return type == TokenType::variable_end || type == TokenType::block_end || current().is_symbol(")");
}

// One expression, or several with commas between them, which are a tuple.
ExpressionPtr Parser::parse_tuple(TupleStyle style, bool has_conditional) {
  const Position at = current().at;
  TupleLiteral tuple;
  bool is_tuple = false;
  while (true) {
    if (!tuple.items.empty()) expect_symbol(",");
    if (is_tuple_end()) break;
    tuple.items.push_back(parse_expression(has_conditional));
    if (!current().is_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !tuple.items.empty()) return std::move(tuple.items.front());
  if (!is_tuple && style == TupleStyle::bare) fail_expected("an expression");
  return make(at, std::move(tuple));
}

ExpressionPtr Parser::parse_list() {
  const Position at = take().at;
  ListLiteral list;
  while (!current().is_symbol("]")) {
    if (!list.items.empty()) expect_symbol(",");
    if (current().is_symbol("]")) break;
    list.items.push_back(parse_expression());
  }
  expect_symbol("]");
  return make(at, std::move(list));
}

ExpressionPtr Parser::parse_dict() {
  const Position at = take().at;
  DictLiteral dict;
  while (!current().is_symbol("}")) {
    if (!dict.entries.empty()) expect_symbol(",");
    if (current().is_symbol("}")) break;
    ExpressionPtr key = parse_expression();
    expect_symbol(":");
    ExpressionPtr value = parse_expression();
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  expect_symbol("}");
  return make(at, std::move(dict));
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr operand) {
  while (true) {
    if (current().is_symbol(".") || current().is_symbol("[")) {
      operand = parse_subscript(std::move(operand));
    } else if (current().is_symbol("(")) {
      operand = parse_call(std::move(operand));
    } else {
      return operand;
    }
  }
}

ExpressionPtr Parser::parse_filters_and_tests(ExpressionPtr operand) {
  while (true) {
    if (skip_symbol("|")) {
      operand = parse_filter(std::move(operand));
    } else if (current().is_name("is")) {
      operand = parse_test(std::move(operand));
    } else if (current().is_symbol("(")) {
      operand = parse_call(std::move(operand));
    } else {
      return operand;
    }
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = expect(TokenType::name, "a name").text;
  while (skip_symbol(".")) (name += '.') += expect(TokenType::name, "a name").text;
  return name;
}

// From the name of the filter on. A null operand is the text of a block.
ExpressionPtr Parser::parse_filter(ExpressionPtr operand) {
  const Position at = current().at;
  FilterCall call;
  call.name = parse_dotted_name();
  call.filter = find_filter(call.name);
  call.operand = std::move(operand);
  if (current().is_symbol("(")) call.arguments = parse_arguments();
  return make(at, std::move(call));
}

ExpressionPtr Parser::parse_test(ExpressionPtr operand) {
  take();  // is
  const bool is_negated = skip_name("not");
  const Position at = current().at;
  TestCall call;
  call.name = parse_dotted_name();
  call.test = find_test(call.name);
  call.operand = std::move(operand);
  const Token& next = current();
  if (next.is_symbol("(")) {
    call.arguments = parse_arguments();
  } else if ((next.type == TokenType::name || next.type == TokenType::string || next.type == TokenType::integer ||
              next.type == TokenType::real || next.is_symbol("[") || next.is_symbol("{")) &&
             !next.is_name("else") && !next.is_name("or") && !next.is_name("and")) {
    if (next.is_name("is")) fail(next.at, "found 'is' after a test, expected tests joined by 'and' or 'or'");
    call.arguments.positional.push_back(parse_postfix(parse_primary(false)));
  }
  ExpressionPtr test = make(at, std::move(call));
  return is_negated ? make(at, Unary{UnaryOperator::logical_not, std::move(test)}) : std::move(test);
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr operand) {
  const Token opening = take();
  if (opening.text == ".") {
    if (current().type == TokenType::name) return make(opening.at, Attribute{std::move(operand), take().text});
    if (current().type != TokenType::integer) fail_expected("a name or a number");
    const Position at = current().at;
    ExpressionPtr index = make(at, Literal{Value::integer(take().integer)});
    return make(opening.at, Subscript{std::move(operand), std::move(index)});
  }
  TupleLiteral indices;
  while (!current().is_symbol("]")) {
    if (!indices.items.empty()) expect_symbol(",");
    indices.items.push_back(parse_subscript_part());
  }
  expect_symbol("]");
  ExpressionPtr index =
      indices.items.size() == 1 ? std::move(indices.items.front()) : make(opening.at, std::move(indices));
  return make(opening.at, Subscript{std::move(operand), std::move(index)});
}

ExpressionPtr Parser::parse_subscript_part() {
  const Position at = current().at;
  Slice slice;
  if (!current().is_symbol(":")) {
    ExpressionPtr index = parse_expression();
    if (!current().is_symbol(":")) return index;
    slice.start = std::move(index);
  }
  expect_symbol(":");
  const auto is_end = [&] { return current().is_symbol("]") || current().is_symbol(","); };
  if (!current().is_symbol(":") && !is_end()) slice.stop = parse_expression();
  if (skip_symbol(":") && !is_end()) slice.step = parse_expression();
  return make(at, std::move(slice));
}

ExpressionPtr Parser::parse_call(ExpressionPtr callee) {
  const Position at = callee->at;
  return make(at, Call{std::move(callee), parse_arguments()});
}

ArgumentList Parser::parse_arguments() {
  ArgumentList arguments;
  const Position at = current().at;
  expect_symbol("(");
  bool is_first = true;
  while (!current().is_symbol(")")) {
    if (!is_first) {
      expect_symbol(",");
      if (current().is_symbol(")")) break;
    }
    parse_argument(arguments, at);
    is_first = false;
  }
  expect_symbol(")");
  return arguments;
}

void Parser::parse_argument(ArgumentList& arguments, Position at) {
  const auto ensure = [&](bool is_in_order) {
    if (!is_in_order) fail(at, "found arguments in a wrong order, expected f(value, name=value, *list, **dict)");
  };
  if (skip_symbol("*")) {
    ensure(!arguments.more_positional && !arguments.more_keyword);
    arguments.more_positional = parse_expression();
  } else if (skip_symbol("**")) {
    ensure(!arguments.more_keyword);
    arguments.more_keyword = parse_expression();
  } else if (current().type == TokenType::name && look_ahead().is_symbol("=")) {
    ensure(!arguments.more_keyword);
    Token name = take();
    take();
    for (const auto& [other, value] : arguments.keyword) {
      if (other == name.text) fail(name.at, fmt::format("found the argument '{}' twice", shown(name.text)));
    }
    arguments.keyword.emplace_back(std::move(name.text), parse_expression());
  } else {
    ensure(!arguments.more_positional && !arguments.more_keyword && arguments.keyword.empty());
    arguments.positional.push_back(parse_expression());
  }
}

}  // namespace quandex::jinja
