// Renders a program once, over one context.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/iteration.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

// The variables of one call of a function of the template.
struct Frame {
  std::vector<Value> slots;
  Frame* enclosing = nullptr;
  Charge charge;
  bool is_captured = false;  // by a macro, which may outlive the call
};

class Interpreter {
 public:
  Interpreter(const Program& program, std::string_view name, const RenderOptions& options);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string render(const Json& context);

 private:
  // How a statement ended.
  enum class Flow : uint8_t { next, break_loop, continue_loop };
  struct Captured {
    Flow flow;
    std::string text;  // of a body that ended with `next`
  };

  // Statements (interpreter_statements.cpp).
  Flow run(const Body& body);
  Flow run(const Statement& statement);
  Flow run_node(const Output& output);
  Flow run_node(const Assign& assign);
  Flow run_node(const AssignBlock& block);
  Flow run_node(const For& loop);
  Flow run_node(const If& statement);
  Flow run_node(const MacroDefinition& definition);
  Flow run_node(const CallBlock& block);
  Flow run_node(const FilterBlock& block);
  Flow run_node(const With& statement);
  Flow run_node(const Break&) { return Flow::break_loop; }
  Flow run_node(const Continue&) { return Flow::continue_loop; }
  Flow run_turn(const For& loop, const Value& item);
  Value filtered(const For& loop, const Value& iterable);
  void enter_scope(const Scope& scope);
  void assign(const Expression& target, const Value& value);
  void assign_items(const TupleLiteral& target, const Value& value);
  void check_namespaces(const Expression& target);
  void emit(std::string_view text);
  void emit(const Value& value);
  void emit_text(const Value& value);

  // Expressions (interpreter_expressions.cpp).
  Value evaluate(const Expression& expression);
  Value evaluate_node(const Literal& literal, Position at);
  Value evaluate_node(const Name& name, Position at);
  Value evaluate_node(const NamespaceAttribute& attribute, Position at);
  Value evaluate_node(const TupleLiteral& tuple, Position at);
  Value evaluate_node(const ListLiteral& list, Position at);
  Value evaluate_node(const DictLiteral& dict, Position at);
  Value evaluate_node(const Unary& unary, Position at);
  Value evaluate_node(const Binary& binary, Position at);
  Value evaluate_node(const Logical& logical, Position at);
  Value evaluate_node(const Comparison& comparison, Position at);
  Value evaluate_node(const Concatenation& concatenation, Position at);
  Value evaluate_node(const Conditional& conditional, Position at);
  Value evaluate_node(const Attribute& attribute, Position at);
  Value evaluate_node(const Subscript& subscript, Position at);
  Value evaluate_node(const Slice& slice, Position at);
  Value evaluate_node(const Call& call, Position at);
  Value evaluate_node(const FilterCall& call, Position at);
  Value evaluate_node(const TestCall& call, Position at);
  std::vector<Value> evaluate_items(const std::vector<ExpressionPtr>& items);
  Arguments evaluate_arguments(const ArgumentList& list);

  // Calls (calls.cpp).
  Value evaluate_call(const Call& node, Position at, Value caller);
  Value call(const Value& callee, Arguments arguments);
  Value call_macro(const MacroObject& object, Arguments arguments);
  void bind_parameters(const Macro& macro, Arguments& arguments, Frame& frame);
  Value make_macro(const Macro& macro);

  Value& variable(VariableRef ref);
  Captured capture(const Body& body);
  Value filter_text(const Expression& filter, std::string text);
  Value load_from_context(const std::string& name);

  const Program& program_;
  Runtime runtime_;  // before what holds values
  std::unordered_map<std::string, Value> context_;
  std::vector<std::unique_ptr<Frame>> kept_frames_;  // of calls that are over but seen by macros
  Frame* frame_ = nullptr;
  std::string* out_ = nullptr;
  size_t n_written_bytes_ = 0;  // in all buffers that are being written
  Value block_text_;            // what the innermost filter of a block is applied to
};

}  // namespace quandex::jinja
