// Those of the named templates that have tools.
#pragma once

#include <vector>

#include "text/chat/named_templates.h"

namespace quandex {

std::vector<NamedTemplate> named_tool_templates();

}  // namespace quandex
