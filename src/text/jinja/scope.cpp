#include "text/jinja/scope.h"

#include <string>
#include <type_traits>
#include <unordered_map>

#include "base/shown.h"
#include "text/jinja/ast_walk.h"
#include "text/jinja/filters.h"
#include "text/jinja/names_used.h"
#include "text/jinja/tests.h"

namespace quandex::jinja {
namespace {

// A function of the template: the whole of it, a macro or the body of a call block. Its scopes share one frame.
struct Function {
  uint32_t depth = 0;
  uint32_t n_slots = 0;
};

// The names of one scope.
class Symbols {
 public:
  Symbols(Symbols* parent, Function& function) : parent_(parent), function_(function) {}

  Function& function() { return function_; }

  void load(const std::string& name) {
    if (!find(name)) define(name, {0, LoadAction::context, name, {}});
  }

  void store(const std::string& name) {
    const bool is_here = symbols_.contains(name);
    if (!is_here) define(name, load_of_store(name, LoadAction::unset));
    Symbol& symbol = symbols_.at(name);
    if (!symbol.is_stored) stored_in_order_.push_back(name);
    symbol.is_stored = true;
  }

  uint32_t declare_parameter(const std::string& name) {
    if (!symbols_.contains(name)) define(name, {});
    Symbol& symbol = symbols_.at(name);
    symbol.load.action = LoadAction::parameter;
    if (!symbol.is_stored) stored_in_order_.push_back(name);
    symbol.is_stored = true;
    return symbol.load.slot;
  }

  // What has been stored since begin_branches() returned `n_stored` happens in some branches only: the variable then
  // starts as the outer one or that of the context.
  size_t begin_branches() const { return stored_in_order_.size(); }
  void end_branches(size_t n_stored) {
    for (size_t i = n_stored; i < stored_in_order_.size(); ++i) {
      const std::string& name = stored_in_order_[i];
      Symbol& symbol = symbols_.at(name);
      const uint32_t slot = symbol.load.slot;
      symbol.load = load_of_store(name, LoadAction::context);
      symbol.load.slot = slot;
    }
  }

  // The variable that the name means in this scope; every name of the tree has been analyzed before it is asked for.
  VariableRef resolve(const std::string& name) {
    for (Symbols* scope = this; scope != nullptr; scope = scope->parent_) {
      const auto symbol = scope->symbols_.find(name);
      if (symbol == scope->symbols_.end()) continue;
      return {function_.depth - scope->function_.depth, symbol->second.load.slot};
    }
    load(name);
    return {0, symbols_.at(name).load.slot};
  }

  Scope scope() const {
    Scope loads;
    for (const auto& [name, symbol] : symbols_) {
      if (symbol.load.action != LoadAction::parameter) loads.push_back(symbol.load);
    }
    return loads;
  }

 private:
  struct Symbol {
    Load load;
    bool is_stored = false;
  };

  bool find(const std::string& name) const {
    return symbols_.contains(name) || (parent_ != nullptr && parent_->find(name));
  }

  void define(const std::string& name, Load load) {
    load.slot = function_.n_slots++;
    symbols_.emplace(name, Symbol{std::move(load), false});
  }

  // The load of a name that this scope sets: its outer variable, or `otherwise`.
  Load load_of_store(const std::string& name, LoadAction otherwise) {
    if (parent_ != nullptr && parent_->find(name)) {
      VariableRef outer = parent_->resolve(name);
      outer.hops += function_.depth - parent_->function_.depth;
      return {0, LoadAction::alias, {}, outer};
    }
    return {0, otherwise, otherwise == LoadAction::context ? name : std::string(), {}};
  }

  Symbols* parent_;
  Function& function_;
  std::unordered_map<std::string, Symbol> symbols_;
  std::vector<std::string> stored_in_order_;
};

// Tells a scope of the names of its statements, without those of scopes within it.
class Analyzer {
 public:
  explicit Analyzer(Symbols& symbols) : symbols_(symbols) {}

  void loads(const ExpressionPtr& expression) {
    if (expression) loads(*expression);
  }
  void loads(const Expression& expression) {
    for_each_name(expression, [&](const Name& name) { symbols_.load(name.name); });
  }
  void loads(const std::vector<std::pair<ExpressionPtr, ExpressionPtr>>& assignments) {
    for (const auto& [target, value] : assignments) loads(value);
  }
  void parameters(const Expression& target) {
    for_each_name(target, [&](const Name& name) { symbols_.declare_parameter(name.name); });
  }
  void body(const Body& body) {
    for (const Statement& statement : body) std::visit([&](const auto& node) { analyze(node); }, statement.node);
  }

 private:
  void stores(const Expression& target) {
    if (const auto* attribute = std::get_if<NamespaceAttribute>(&target.node)) symbols_.load(attribute->name);
    if (const auto* name = std::get_if<Name>(&target.node)) symbols_.store(name->name);
    for_each_child(target, [&](const Expression& child) { stores(child); });
  }

  void analyze(const Output& output) {
    for (const auto& part : output.parts) {
      if (const auto* expression = std::get_if<ExpressionPtr>(&part)) loads(*expression);
    }
  }
  void analyze(const Assign& assign) {
    loads(assign.value);
    stores(*assign.target);
  }
  void analyze(const AssignBlock& block) { stores(*block.target); }
  void analyze(const For& loop) { loads(loop.iterable); }
  void analyze(const If& statement) {
    loads(statement.branches.front().first);
    const size_t n_stored = symbols_.begin_branches();
    bool is_first = true;
    for (const auto& [condition, branch] : statement.branches) {
      if (!is_first) loads(condition);
      is_first = false;
      body(branch);
    }
    body(statement.otherwise);
    symbols_.end_branches(n_stored);
  }
  void analyze(const MacroDefinition& definition) { symbols_.store(definition.macro->name); }
  void analyze(const CallBlock& block) { loads(block.call); }
  void analyze(const FilterBlock& block) { loads(block.filter); }
  void analyze(const With& statement) { loads(statement.assignments); }
  void analyze(const Break&) {}
  void analyze(const Continue&) {}

  Symbols& symbols_;
};

class Resolver {
 public:
  explicit Resolver(std::string_view template_name) : template_name_(template_name) {}

  void run(Program& program) {
    Function function;
    Symbols symbols(nullptr, function);
    Analyzer(symbols).body(program.body);
    resolve(program.body, symbols, false);
    program.scope = symbols.scope();
    program.n_slots = function.n_slots;
  }

 private:
  void resolve(Body& body, Symbols& symbols, bool is_conditional) {
    for (Statement& statement : body) {
      std::visit([&](auto& node) { resolve_node(node, symbols, is_conditional); }, statement.node);
    }
  }

  void resolve(const ExpressionPtr& expression, Symbols& symbols, bool is_conditional) {
    if (expression) resolve(*expression, symbols, is_conditional);
  }
  void resolve(Expression& expression, Symbols& symbols, bool is_conditional) {
    if (auto* name = std::get_if<Name>(&expression.node)) name->variable = symbols.resolve(name->name);
    if (auto* attribute = std::get_if<NamespaceAttribute>(&expression.node)) {
      attribute->variable = symbols.resolve(attribute->name);
    }
    if (!is_conditional) check_is_known(expression);
    is_conditional = is_conditional || std::holds_alternative<Conditional>(expression.node);
    for_each_child(expression, [&](Expression& child) { resolve(child, symbols, is_conditional); });
  }

  void check_is_known(const Expression& expression) const {
    if (const auto* call = std::get_if<FilterCall>(&expression.node); call != nullptr && call->filter == nullptr) {
      fail_unknown(expression.at, "filter", call->name);
    }
    if (const auto* call = std::get_if<TestCall>(&expression.node); call != nullptr && call->test == nullptr) {
      fail_unknown(expression.at, "test", call->name);
    }
  }

  [[noreturn]] void fail_unknown(Position at, std::string_view what, std::string_view name) const {
    throw_at(ErrorCode::invalid_file, template_name_, at,
             fmt::format("found the {} '{}', expected one that jinja2 has", what, shown(name)));
  }

  void resolve_node(Output& output, Symbols& symbols, bool is_conditional) {
    for (auto& part : output.parts) {
      if (auto* expression = std::get_if<ExpressionPtr>(&part)) resolve(*expression, symbols, is_conditional);
    }
  }

  void resolve_node(Assign& assign, Symbols& symbols, bool is_conditional) {
    resolve(assign.target, symbols, is_conditional);
    resolve(assign.value, symbols, is_conditional);
  }

  void resolve_node(AssignBlock& block, Symbols& symbols, bool is_conditional) {
    Symbols inner(&symbols, symbols.function());
    Analyzer analyzer(inner);
    analyzer.body(block.body);
    analyzer.loads(block.filter);
    resolve(block.body, inner, false);
    resolve(block.filter, inner, false);
    resolve(block.target, symbols, is_conditional);
    block.scope = inner.scope();
  }

  void resolve_node(For& loop, Symbols& symbols, bool is_conditional) {
    resolve(loop.iterable, symbols, is_conditional);
    if (loop.condition) {
      Symbols inner(&symbols, symbols.function());
      Analyzer analyzer(inner);
      analyzer.parameters(*loop.condition_target);
      analyzer.loads(loop.condition);
      resolve(loop.condition_target, inner, false);
      resolve(loop.condition, inner, false);
      loop.condition_scope = inner.scope();
    }
    Symbols inner(&symbols, symbols.function());
    loop.uses_loop = reads_name(loop.body, "loop");
    if (loop.uses_loop) loop.loop_slot = inner.declare_parameter("loop");
    Analyzer analyzer(inner);
    analyzer.parameters(*loop.target);
    analyzer.body(loop.body);
    resolve(loop.target, inner, false);
    resolve(loop.body, inner, false);
    loop.scope = inner.scope();

    Symbols otherwise(&symbols, symbols.function());
    Analyzer(otherwise).body(loop.otherwise);
    resolve(loop.otherwise, otherwise, false);
    loop.else_scope = otherwise.scope();
  }

  void resolve_node(If& statement, Symbols& symbols, bool) {
    for (auto& [condition, body] : statement.branches) {
      resolve(condition, symbols, true);
      resolve(body, symbols, true);
    }
    resolve(statement.otherwise, symbols, true);
  }

  void resolve_macro(Macro& macro, Symbols& symbols) {
    Function function{symbols.function().depth + 1, 0};
    Symbols inner(&symbols, function);
    Analyzer analyzer(inner);
    for (MacroParameter& parameter : macro.parameters) parameter.slot = inner.declare_parameter(parameter.name);
    for (const MacroParameter& parameter : macro.parameters) analyzer.loads(parameter.default_value);
    analyzer.body(macro.body);
    bool has_caller = false;
    for (const MacroParameter& parameter : macro.parameters) has_caller |= parameter.name == "caller";
    if (macro.takes_caller && !has_caller) macro.caller_slot = inner.declare_parameter("caller");
    if (macro.takes_keyword) macro.keyword_slot = inner.declare_parameter("kwargs");
    if (macro.takes_positional) macro.positional_slot = inner.declare_parameter("varargs");
    for (MacroParameter& parameter : macro.parameters) resolve(parameter.default_value, inner, false);
    resolve(macro.body, inner, false);
    macro.scope = inner.scope();
    macro.n_slots = function.n_slots;
  }

  void resolve_node(MacroDefinition& definition, Symbols& symbols, bool) {
    resolve_macro(*definition.macro, symbols);
    definition.variable = symbols.resolve(definition.macro->name);
  }

  void resolve_node(CallBlock& block, Symbols& symbols, bool is_conditional) {
    resolve_macro(*block.body, symbols);
    resolve(block.call, symbols, is_conditional);
  }

  void resolve_node(FilterBlock& block, Symbols& symbols, bool) {
    Symbols inner(&symbols, symbols.function());
    Analyzer analyzer(inner);
    analyzer.body(block.body);
    analyzer.loads(block.filter);
    resolve(block.body, inner, false);
    resolve(block.filter, inner, false);
    block.scope = inner.scope();
  }

  void resolve_node(With& statement, Symbols& symbols, bool is_conditional) {
    for (auto& [target, value] : statement.assignments) resolve(value, symbols, is_conditional);
    Symbols inner(&symbols, symbols.function());
    Analyzer analyzer(inner);
    for (const auto& [target, value] : statement.assignments) analyzer.parameters(*target);
    analyzer.body(statement.body);
    for (auto& [target, value] : statement.assignments) resolve(target, inner, false);
    resolve(statement.body, inner, false);
    statement.scope = inner.scope();
  }

  void resolve_node(Break&, Symbols&, bool) {}
  void resolve_node(Continue&, Symbols&, bool) {}

  std::string_view template_name_;
};

}  // namespace

void resolve_names(Program& program, std::string_view template_name) { Resolver(template_name).run(program); }

}  // namespace quandex::jinja
