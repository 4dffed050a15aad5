// Arguments of calls, bound to parameters as Python binds them.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;

  // Takes a keyword argument out; missing where there is none.
  Value take(std::string_view name);
};

// Arguments of a function of ours by the number of their parameter.
class BoundArguments {
 public:
  // Fails where arguments are missing, unknown or too many. Parameters from `n_required` on have defaults.
  // `callee` is for messages.
  BoundArguments(Runtime& runtime, std::string_view callee, const Arguments& arguments,
                 std::span<const std::string_view> parameters, size_t n_required);
  BoundArguments(Runtime& runtime, std::string_view callee, const Arguments& arguments,
                 std::initializer_list<std::string_view> parameters, size_t n_required)
      : BoundArguments(runtime, callee, arguments, std::span(parameters.begin(), parameters.size()), n_required) {}

  bool has(size_t parameter) const { return !values_[parameter].is_missing(); }
  const Value& get(size_t parameter) const { return values_[parameter]; }
  Value get_or(size_t parameter, const Value& otherwise) const { return has(parameter) ? get(parameter) : otherwise; }
  bool is_true(size_t parameter, bool otherwise) const;
  int64_t integer(size_t parameter, int64_t otherwise) const;
  // None counts as absent.
  bool has_some(size_t parameter) const { return has(parameter) && !get(parameter).is_none(); }

 private:
  Runtime& runtime_;
  std::string_view callee_;
  std::vector<std::string_view> parameters_;  // what it was given may be gone before a message names them
  std::vector<Value> values_;
};

}  // namespace quandex::jinja
