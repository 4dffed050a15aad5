#include "text/jinja/arguments.h"

#include <algorithm>

#include "base/shown.h"
#include "text/jinja/operators.h"

namespace quandex::jinja {

Value Arguments::take(std::string_view name) {
  const auto found =
      std::find_if(keyword.begin(), keyword.end(), [&](const auto& argument) { return argument.first == name; });
  if (found == keyword.end()) return {};
  Value value = std::move(found->second);
  keyword.erase(found);
  return value;
}

BoundArguments::BoundArguments(Runtime& runtime, std::string_view callee, const Arguments& arguments,
                               std::span<const std::string_view> parameters, size_t n_required)
    : runtime_(runtime),
      callee_(callee),
      parameters_(parameters.begin(), parameters.end()),
      values_(parameters.size()) {
  if (arguments.positional.size() > parameters.size()) {
    runtime.fail("found {} arguments of {}, expected at most {}", arguments.positional.size(), callee,
                 parameters.size());
  }
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.keyword) {
    const auto parameter = std::find(parameters.begin(), parameters.end(), name);
    if (parameter == parameters.end())
      runtime.fail("found the argument '{}' of {}, which has none", shown(name), callee);
    Value& bound = values_[static_cast<size_t>(parameter - parameters.begin())];
    if (!bound.is_missing()) runtime.fail("found the argument '{}' of {} twice", shown(name), callee);
    bound = value;
  }
  for (size_t i = 0; i < n_required; ++i) {
    if (values_[i].is_missing()) runtime.fail("found no argument '{}' of {}", parameters[i], callee);
  }
}

bool BoundArguments::is_true(size_t parameter, bool otherwise) const {
  return has(parameter) ? jinja::is_true(get(parameter)) : otherwise;
}

int64_t BoundArguments::integer(size_t parameter, int64_t otherwise) const {
  if (!has(parameter)) return otherwise;
  const Value& value = get(parameter);
  if (value.is_undefined()) fail_undefined(runtime_, value);
  if (!value.is_integral()) {
    runtime_.fail("found '{}' as the argument '{}' of {}, expected an integer", type_name(value),
                  parameters_[parameter], callee_);
  }
  return value.as_integer();
}

}  // namespace quandex::jinja
