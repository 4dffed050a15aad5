#include "base/shown.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/subscript.h"
#include "text/jinja/tests.h"

namespace quandex::jinja {

Value Interpreter::evaluate(const Expression& expression) {
  if (const auto* literal = std::get_if<Literal>(&expression.node)) return literal->value;
  runtime_.step();
  runtime_.at = expression.at;
  if (const auto* name = std::get_if<Name>(&expression.node)) return evaluate_node(*name, expression.at);
  const DepthGuard guard(runtime_);
  return std::visit([&](const auto& node) { return evaluate_node(node, expression.at); }, expression.node);
}

Value Interpreter::evaluate_node(const Literal& literal, Position) { return literal.value; }

Value Interpreter::evaluate_node(const Name& name, Position) {
  const Value& value = variable(name.variable);
  if (!value.is_missing()) return value;
  if (name.name == "self") runtime_.refuse("the name 'self', by which templates reach their blocks, is not supported");
  return runtime_.undefined_variable(name.name);
}

Value Interpreter::evaluate_node(const NamespaceAttribute& attribute, Position) {
  return get_attribute(runtime_, variable(attribute.variable), attribute.attribute);
}

std::vector<Value> Interpreter::evaluate_items(const std::vector<ExpressionPtr>& items) {
  HeldBytes held(runtime_);  // evaluating an item may evaluate this list again
  held.cover(items.size() * sizeof(Value));
  std::vector<Value> values;
  values.reserve(items.size());
  for (const auto& item : items) values.push_back(evaluate(*item));
  return values;
}

Value Interpreter::evaluate_node(const TupleLiteral& tuple, Position) {
  return runtime_.tuple(evaluate_items(tuple.items));
}

Value Interpreter::evaluate_node(const ListLiteral& list, Position) {
  return runtime_.list(evaluate_items(list.items));
}

Value Interpreter::evaluate_node(const DictLiteral& dict, Position) {
  HeldBytes held(runtime_);
  held.cover(dict.entries.size() * sizeof(Dictionary::Entry));
  Dictionary dictionary;
  dictionary.reserve(dict.entries.size());
  for (const auto& [key_node, value_node] : dict.entries) {
    Value key = evaluate(*key_node);
    Value value = evaluate(*value_node);
    runtime_.at = key_node->at;
    runtime_.expect_key(key);
    dictionary.set(std::move(key), std::move(value));
  }
  return runtime_.dict(std::move(dictionary));
}

Value Interpreter::evaluate_node(const Unary& unary, Position at) {
  const Value operand = evaluate(*unary.operand);
  runtime_.at = at;
  if (unary.op == UnaryOperator::logical_not) return Value::boolean(!is_true(operand));
  return unary.op == UnaryOperator::negative ? negative(runtime_, operand) : positive(runtime_, operand);
}

Value Interpreter::evaluate_node(const Binary& binary, Position at) {
  const Value left = evaluate(*binary.left);
  const Value right = evaluate(*binary.right);
  runtime_.at = at;
  return evaluate_binary(runtime_, binary.op, left, right);
}

Value Interpreter::evaluate_node(const Logical& logical, Position) {
  Value left = evaluate(*logical.left);
  if (is_true(left) != logical.is_and) return left;
  return evaluate(*logical.right);
}

Value Interpreter::evaluate_node(const Comparison& comparison, Position at) {
  Value left = evaluate(*comparison.first);
  for (const auto& [op, other] : comparison.others) {
    Value right = evaluate(*other);
    runtime_.at = at;
    if (!evaluate_comparison(runtime_, op, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_node(const Concatenation& concatenation, Position at) {
  const std::vector<Value> parts = evaluate_items(concatenation.parts);
  runtime_.at = at;
  std::string text;
  for (const Value& part : parts) {
    if (part.is_string()) runtime_.expect_room(text.size() + part.text().size());
    append_text(runtime_, part, text);
  }
  return runtime_.string(std::move(text));
}

Value Interpreter::evaluate_node(const Conditional& conditional, Position at) {
  if (is_true(evaluate(*conditional.condition))) return evaluate(*conditional.then);
  if (conditional.otherwise) return evaluate(*conditional.otherwise);
  return runtime_.undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined", at.line));
}

Value Interpreter::evaluate_node(const Attribute& attribute, Position at) {
  const Value object = evaluate(*attribute.object);
  runtime_.at = at;
  return get_attribute(runtime_, object, attribute.name);
}

Value Interpreter::evaluate_node(const Subscript& subscript, Position at) {
  const Value object = evaluate(*subscript.object);
  if (const auto* slice = std::get_if<Slice>(&subscript.index->node)) {
    const auto part = [&](const ExpressionPtr& expression) { return expression ? evaluate(*expression) : Value(); };
    const Value start = part(slice->start);
    const Value stop = part(slice->stop);
    const Value step = part(slice->step);
    runtime_.at = at;
    return get_slice(runtime_, object, start, stop, step);
  }
  const Value index = evaluate(*subscript.index);
  runtime_.at = at;
  return get_item(runtime_, object, index);
}

Value Interpreter::evaluate_node(const Slice&, Position) {
  runtime_.refuse("a slice among several subscripts is not supported");
}

Value Interpreter::evaluate_node(const Call& call, Position at) { return evaluate_call(call, at, {}); }

Arguments Interpreter::evaluate_arguments(const ArgumentList& list) {
  Arguments arguments;
  arguments.positional = evaluate_items(list.positional);
  for (const auto& [name, expression] : list.keyword) arguments.keyword.emplace_back(name, evaluate(*expression));
  if (list.more_positional) {
    std::vector<Value> more = to_items(runtime_, evaluate(*list.more_positional));
    arguments.positional.insert(arguments.positional.end(), more.begin(), more.end());
  }
  if (!list.more_keyword) return arguments;
  const Value more = evaluate(*list.more_keyword);
  if (!more.is(Kind::dict)) runtime_.fail("found '{}' after **, expected a dict", type_name(more));
  for (const auto& [key, value] : more.as<DictObject>().dictionary.entries()) {
    if (!key.is_string()) runtime_.fail("found a key of type '{}' after **, expected strings", type_name(key));
    runtime_.step(arguments.keyword.size());
    for (const auto& [name, other] : arguments.keyword) {
      if (name == key.text()) runtime_.fail("found the argument '{}' twice", shown(name));
    }
    arguments.keyword.emplace_back(std::string(key.text()), value);
  }
  return arguments;
}

Value Interpreter::evaluate_node(const FilterCall& call, Position at) {
  const Value operand = call.operand ? evaluate(*call.operand) : block_text_;
  const Arguments arguments = evaluate_arguments(call.arguments);
  runtime_.at = at;
  if (call.filter == nullptr) runtime_.fail("found the filter '{}', expected one that jinja2 has", shown(call.name));
  return apply_filter(runtime_, *call.filter, operand, arguments);
}

Value Interpreter::evaluate_node(const TestCall& call, Position at) {
  const Value operand = evaluate(*call.operand);
  const Arguments arguments = evaluate_arguments(call.arguments);
  runtime_.at = at;
  if (call.test == nullptr) runtime_.fail("found the test '{}', expected one that jinja2 has", shown(call.name));
  return Value::boolean(apply_test(runtime_, *call.test, operand, arguments));
}

}  // namespace quandex::jinja
