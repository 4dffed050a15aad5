// Walks over the tree in the order in which jinja2 visits its own: what it decides about names depends on that order.
#pragma once

#include <type_traits>

#include "text/jinja/ast.h"

namespace quandex::jinja {

template <typename Visit>
void for_each_child(const ArgumentList& arguments, Visit visit) {
  for (const auto& argument : arguments.positional) visit(*argument);
  for (const auto& [name, argument] : arguments.keyword) visit(*argument);
  if (arguments.more_positional) visit(*arguments.more_positional);
  if (arguments.more_keyword) visit(*arguments.more_keyword);
}

// Calls visit(const Expression&) for each direct part of an expression.
template <typename Visit>
void for_each_child(const Expression& expression, Visit visit) {
  const auto visit_if = [&](const ExpressionPtr& child) {
    if (child) visit(*child);
  };
  std::visit(
      [&](const auto& node) {
        using Node = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Node, TupleLiteral> || std::is_same_v<Node, ListLiteral>) {
          for (const auto& item : node.items) visit(*item);
        } else if constexpr (std::is_same_v<Node, DictLiteral>) {
          for (const auto& [key, value] : node.entries) visit(*key), visit(*value);
        } else if constexpr (std::is_same_v<Node, Unary>) {
          visit(*node.operand);
        } else if constexpr (std::is_same_v<Node, Binary> || std::is_same_v<Node, Logical>) {
          visit(*node.left), visit(*node.right);
        } else if constexpr (std::is_same_v<Node, Comparison>) {
          visit(*node.first);
          for (const auto& [op, other] : node.others) visit(*other);
        } else if constexpr (std::is_same_v<Node, Concatenation>) {
          for (const auto& part : node.parts) visit(*part);
        } else if constexpr (std::is_same_v<Node, Conditional>) {
          visit(*node.condition), visit(*node.then), visit_if(node.otherwise);
        } else if constexpr (std::is_same_v<Node, Attribute>) {
          visit(*node.object);
        } else if constexpr (std::is_same_v<Node, Subscript>) {
          visit(*node.object), visit(*node.index);
        } else if constexpr (std::is_same_v<Node, Slice>) {
          visit_if(node.start), visit_if(node.stop), visit_if(node.step);
        } else if constexpr (std::is_same_v<Node, Call>) {
          visit(*node.callee), for_each_child(node.arguments, visit);
        } else if constexpr (std::is_same_v<Node, FilterCall> || std::is_same_v<Node, TestCall>) {
          visit_if(node.operand), for_each_child(node.arguments, visit);
        }
      },
      expression.node);
}

// Calls visit(const Name&) for every name of an expression, targets included.
template <typename Visit>
void for_each_name(const Expression& expression, Visit visit) {
  if (const auto* name = std::get_if<Name>(&expression.node)) visit(*name);
  for_each_child(expression, [&](const Expression& child) { for_each_name(child, visit); });
}

}  // namespace quandex::jinja
