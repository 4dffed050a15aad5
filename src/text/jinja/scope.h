// Resolves names to slots. Jinja decides before it renders which scope a name belongs to, by what the whole scope does
// with it: a loop that sets a name has a variable of its own, which starts each turn as the outer one; what is set in
// only some branches of an `if` falls back to the context. Macros see the variables around their definition as they are
// when the macro runs.
#pragma once

#include <string_view>

#include "text/jinja/ast.h"

namespace quandex::jinja {

// Fills in every VariableRef, slot, Scope and n_slots of the tree. Throws Error{invalid_file} for a filter or test that
// jinja2 does not have, unless it stands in a condition, where it is an error when it is reached.
void resolve_names(Program& program, std::string_view template_name);

}  // namespace quandex::jinja
