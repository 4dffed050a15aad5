// Rendering in tests.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja/template.h"

namespace quandex::testing {

// `context` is JSON text.
std::string render(std::string_view source, std::string_view context = "{}", const jinja::RenderOptions& options = {});

// The message of the Error that construction or rendering throws, or "no error: OUTPUT". Its code goes to `code`.
std::string error_of(std::string_view source, std::string_view context = "{}", ErrorCode* code = nullptr,
                     const jinja::RenderOptions& options = {});

}  // namespace quandex::testing
