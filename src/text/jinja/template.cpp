#include "text/jinja/template.h"

#include <utility>

#include "text/jinja/ast.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace quandex::jinja {

Template::Template(std::string_view source, std::string name)
    : name_(std::move(name)), program_(std::make_unique<const Program>(parse_template(source, name_))) {}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const Json& context, const RenderOptions& options) const {
  return Interpreter(*program_, name_, options).render(context);
}

}  // namespace quandex::jinja
