// What a piece of a template does with the names that jinja2 treats in a special way.
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja/ast.h"

namespace quandex::jinja {

// Sets which of caller, kwargs and varargs the body of a macro reads before it sets them.
void find_special_parameters(Macro& macro);

// Whether the body reads the name before it sets it.
bool reads_name(const Body& body, std::string_view name);

// Where a loop, anything within it included, assigns to the name.
std::optional<Position> find_store(const For& loop, std::string_view name);

}  // namespace quandex::jinja
