#include "text/jinja/render.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace quandex::testing {

std::string render(std::string_view source, std::string_view context, const jinja::RenderOptions& options) {
  return jinja::Template(source, "t").render(parse_json(context, "context"), options);
}

std::string error_of(std::string_view source, std::string_view context, ErrorCode* code,
                     const jinja::RenderOptions& options) {
  try {
    return "no error: " + render(source, context, options);
  } catch (const Error& error) {
    if (code != nullptr) *code = error.code();
    return error.what();
  }
}

}  // namespace quandex::testing
