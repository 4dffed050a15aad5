// The tree of a template. Names are resolved to slots of function frames (scope.h) before anything is rendered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/position.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

struct Expression;
struct Statement;
struct Filter;  // filters.h
struct Test;    // tests.h
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;

// A variable: a slot of the frame so many functions outwards.
struct VariableRef {
  uint32_t hops = 0;
  uint32_t slot = 0;
};

// The arguments of a call, a filter or a test, as written.
struct ArgumentList {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keyword;
  ExpressionPtr more_positional;  // after *, or null
  ExpressionPtr more_keyword;     // after **, or null
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
  VariableRef variable;
};
struct NamespaceAttribute {  // a target of `set`
  std::string name;
  std::string attribute;
  VariableRef variable;
};
struct TupleLiteral {
  std::vector<ExpressionPtr> items;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
enum class UnaryOperator : uint8_t { logical_not, negative, positive };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class BinaryOperator : uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
struct Binary {
  BinaryOperator op;
  ExpressionPtr left, right;
};
struct Logical {
  bool is_and;
  ExpressionPtr left, right;
};
enum class ComparisonOperator : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
struct Comparison {
  ExpressionPtr first;
  std::vector<std::pair<ComparisonOperator, ExpressionPtr>> others;
};
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};
struct Conditional {
  ExpressionPtr condition, then;
  ExpressionPtr otherwise;  // or null
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object, index;
};
struct Slice {  // of a subscript; each part may be null
  ExpressionPtr start, stop, step;
};
struct Call {
  ExpressionPtr callee;
  ArgumentList arguments;
};
struct FilterCall {
  ExpressionPtr operand;  // null in filter blocks, which filter their own text
  std::string name;
  const Filter* filter;  // null where jinja2 has none of the name: an error when it is reached
  ArgumentList arguments;
};
struct TestCall {
  ExpressionPtr operand;
  std::string name;
  const Test* test;  // null as above
  ArgumentList arguments;
};

struct Expression {
  Position at;
  uint32_t depth = 1;  // of the tree below, bounded by the parser
  std::variant<Literal, Name, NamespaceAttribute, TupleLiteral, ListLiteral, DictLiteral, Unary, Binary, Logical,
               Comparison, Concatenation, Conditional, Attribute, Subscript, Slice, Call, FilterCall, TestCall>
      node;
};

// What a variable is when its scope begins.
enum class LoadAction : uint8_t { parameter, context, alias, unset };
struct Load {
  uint32_t slot = 0;
  LoadAction action = LoadAction::unset;
  std::string name;      // of `context`: the variable of the context or the global function
  VariableRef variable;  // of `alias`: the variable of the scope around
};
using Scope = std::vector<Load>;

// Text, or an expression whose value is printed.
struct Output {
  std::vector<std::variant<std::string, ExpressionPtr>> parts;
};
struct Assign {
  ExpressionPtr target, value;
};
struct AssignBlock {
  ExpressionPtr target;
  ExpressionPtr filter;  // or null
  Body body;
  Scope scope;
};
struct For {
  ExpressionPtr target, iterable;
  ExpressionPtr condition;  // or null
  Body body, otherwise;
  Scope scope, else_scope, condition_scope;
  ExpressionPtr condition_target;  // the target once more, in the scope of the condition; or null
  bool uses_loop = false;
  uint32_t loop_slot = 0;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};

struct MacroParameter {
  std::string name;
  ExpressionPtr default_value;  // or null
  Position at;
  uint32_t slot = 0;
};
// A function of the template, with a frame of its own.
struct Macro {
  std::string name;  // empty for the body of a call block
  std::vector<MacroParameter> parameters;
  Body body;
  Scope scope;
  uint32_t n_slots = 0;
  bool takes_caller = false, takes_keyword = false, takes_positional = false;  // beyond its parameters
  uint32_t caller_slot = 0, keyword_slot = 0, positional_slot = 0;
};
struct MacroDefinition {
  std::unique_ptr<Macro> macro;
  VariableRef variable;
};
struct CallBlock {
  ExpressionPtr call;  // a Call; null for a generation block, which calls its body at once
  std::unique_ptr<Macro> body;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
  Scope scope;
};
struct With {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> assignments;
  Body body;
  Scope scope;
};
struct Break {};
struct Continue {};

struct Statement {
  Position at;
  std::variant<Output, Assign, AssignBlock, For, If, MacroDefinition, CallBlock, FilterBlock, With, Break, Continue>
      node;
};

struct Program {
  Body body;
  Scope scope;
  uint32_t n_slots = 0;
};

}  // namespace quandex::jinja
