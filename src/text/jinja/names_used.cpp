#include "text/jinja/names_used.h"

#include <type_traits>

#include "text/jinja/ast_walk.h"

namespace quandex::jinja {
namespace {

enum class Use : uint8_t { load, store, parameter };

// Calls visit(name, use, position) for every name of a body, in the order of jinja2's fields.
template <typename Visit>
class NameWalk {
 public:
  explicit NameWalk(Visit visit) : visit_(visit) {}

  void walk(const Body& body) {
    for (const Statement& statement : body) std::visit([&](const auto& node) { walk(node); }, statement.node);
  }

  void walk(const For& loop) {
    walk(loop.target, Use::store);
    walk(loop.iterable, Use::load);
    walk(loop.body);
    walk(loop.otherwise);
    walk(loop.condition, Use::load);
  }

 private:
  void walk(const ExpressionPtr& expression, Use use) {
    if (!expression) return;
    for_each_name(*expression, [&](const Name& name) { visit_(name.name, use, expression->at); });
  }

  void walk(const Output& output) {
    for (const auto& part : output.parts) {
      if (const auto* expression = std::get_if<ExpressionPtr>(&part)) walk(*expression, Use::load);
    }
  }
  void walk(const Assign& assign) {
    walk(assign.target, Use::store);
    walk(assign.value, Use::load);
  }
  void walk(const AssignBlock& block) {
    walk(block.target, Use::store);
    walk(block.filter, Use::load);
    walk(block.body);
  }
  void walk(const If& statement) {
    for (const auto& [condition, body] : statement.branches) {
      walk(condition, Use::load);
      walk(body);
    }
    walk(statement.otherwise);
  }
  void walk(const Macro& macro) {
    for (const MacroParameter& parameter : macro.parameters) visit_(parameter.name, Use::parameter, parameter.at);
    for (const MacroParameter& parameter : macro.parameters) walk(parameter.default_value, Use::load);
    walk(macro.body);
  }
  void walk(const MacroDefinition& definition) { walk(*definition.macro); }
  void walk(const CallBlock& block) {
    walk(block.call, Use::load);
    walk(*block.body);
  }
  void walk(const FilterBlock& block) {
    walk(block.body);
    walk(block.filter, Use::load);
  }
  void walk(const With& statement) {
    for (const auto& [target, value] : statement.assignments) walk(target, Use::parameter);
    for (const auto& [target, value] : statement.assignments) walk(value, Use::load);
    walk(statement.body);
  }
  void walk(const Break&) {}
  void walk(const Continue&) {}

  Visit visit_;
};

}  // namespace

bool reads_name(const Body& body, std::string_view name) {
  bool is_read = false;
  bool is_hidden = false;
  NameWalk([&](std::string_view found, Use use, Position) {
    if (found != name) return;
    if (use != Use::load) {
      is_hidden = true;
    } else if (!is_hidden) {
      is_read = true;
    }
  }).walk(body);
  return is_read;
}

void find_special_parameters(Macro& macro) {
  macro.takes_caller = reads_name(macro.body, "caller");
  macro.takes_keyword = reads_name(macro.body, "kwargs");
  macro.takes_positional = reads_name(macro.body, "varargs");
  for (const MacroParameter& parameter : macro.parameters) {
    if (parameter.name == "kwargs") macro.takes_keyword = false;
    if (parameter.name == "varargs") macro.takes_positional = false;
  }
}

std::optional<Position> find_store(const For& loop, std::string_view name) {
  std::optional<Position> stored;
  NameWalk([&](std::string_view found, Use use, Position at) {
    if (found == name && use == Use::store && !stored) stored = at;
  }).walk(loop);
  return stored;
}

}  // namespace quandex::jinja
