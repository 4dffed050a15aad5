#include <algorithm>

#include "base/shown.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/iteration.h"
#include "text/jinja/json_value.h"
#include "text/jinja/markup.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/pretty_print.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_classes.h"
#include "text/jinja/subscript.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja::filter {
namespace {

// The operand as a string; what is markup stays it.
Value as_string(Runtime& runtime, const Value& operand) {
  return operand.is_string() ? operand : runtime.string(to_text(runtime, operand));
}

// A method of str without arguments, on the text of the operand.
Value by_method(Runtime& runtime, const Value& operand, const Arguments& arguments, std::string_view name) {
  const BoundArguments bound(runtime, name, arguments, {}, 0);
  return call_method(runtime, as_string(runtime, operand), name, {});
}

// Fails where the operand is no string, which the filter `name` of jinja2 takes as it is.
void expect_string(Runtime& runtime, const Value& operand, std::string_view name) {
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (!operand.is_string()) runtime.fail("found '{}', expected a string to {}", type_name(operand), name);
}

}  // namespace

Value capitalize(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return by_method(runtime, operand, arguments, "capitalize");
}

Value lower(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return by_method(runtime, operand, arguments, "lower");
}

Value upper(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  return by_method(runtime, operand, arguments, "upper");
}

Value string(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "string", arguments, {}, 0);
  return as_string(runtime, operand);
}

Value center(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "center", arguments, {"width"}, 0);
  return call_method(runtime, as_string(runtime, operand), "center", {{Value::integer(bound.integer(0, 80))}, {}});
}

Value trim(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "trim", arguments, {"chars"}, 0);
  Arguments chars;
  if (bound.has_some(0)) chars.positional.push_back(bound.get(0));
  return call_method(runtime, as_string(runtime, operand), "strip", chars);
}

Value replace(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "replace", arguments, {"old", "new", "count"}, 2);
  const std::string text = to_text(runtime, operand);
  const std::string old = to_text(runtime, bound.get(0));
  const std::string replacement = to_text(runtime, bound.get(1));
  const int64_t most = bound.has_some(2) ? bound.integer(2, -1) : -1;
  return runtime.string(replace_text(runtime, text, old, replacement, most));
}

Value format(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.keyword.empty()) {
    runtime.fail("found positional and named arguments of the filter 'format', expected one kind");
  }
  if (arguments.keyword.empty()) {
    return percent_format(runtime, as_string(runtime, operand), runtime.tuple(arguments.positional));
  }
  Dictionary named;
  for (const auto& [name, value] : arguments.keyword) named.set(runtime.string(name), value);
  return percent_format(runtime, as_string(runtime, operand), runtime.dict(std::move(named)));
}

// Words begin after whitespace, dashes and opening brackets, not after apostrophes as with str.title.
Value title(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "title", arguments, {}, 0);
  const Value string = as_string(runtime, operand);
  const std::string_view text = string.text();
  runtime.step(string.weight());
  const auto is_boundary = [](char32_t c) {
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c);
  };
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    const bool is_word = !is_boundary(next_character(text, end));
    const size_t first_end = end;
    for (size_t next = end; next < text.size() && is_boundary(next_character(text, next)) != is_word;) end = next;
    out += to_upper(text.substr(at, first_end - at));
    out += to_lower(text.substr(first_end, end - first_end));
    at = end;
  }
  return runtime.string(std::move(out), is_markup(string));
}

Value truncate(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "truncate", arguments, {"length", "killwords", "end", "leeway"}, 0);
  const auto n_items = length_of(operand);
  if (!n_items) runtime.fail("found '{}', expected a string to truncate", type_name(operand));
  const int64_t length = bound.integer(0, 255);
  const std::string end = bound.has(2) ? to_text(runtime, bound.get(2)) : "...";
  const int64_t leeway = bound.has_some(3) ? bound.integer(3, 5) : 5;
  const auto end_length = static_cast<int64_t>(count_characters(end));
  if (length < end_length) runtime.fail("found the length {}, expected at least {}", length, end_length);
  if (leeway < 0) runtime.fail("found the leeway {}, expected at least 0", leeway);
  if (*n_items <= length || *n_items - length <= leeway) return operand;
  expect_string(runtime, operand, "truncate");
  const auto& string = operand.as<StringObject>();
  std::string text = string.text.substr(0, byte_offset(string.text, static_cast<size_t>(length - end_length)));
  if (!bound.is_true(1, false)) text.resize(std::min(text.rfind(' '), text.size()));
  return add_strings(runtime, runtime.string(std::move(text), string.is_markup), runtime.string(end));
}

Value indent(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "indent", arguments, {"width", "first", "blank"}, 0);
  expect_string(runtime, operand, "indent");
  std::string indentation;
  if (bound.has(0) && bound.get(0).is_string()) {
    indentation = bound.get(0).text();
  } else {
    const int64_t width = bound.integer(0, 4);
    runtime.expect_room(static_cast<size_t>(std::max<int64_t>(0, width)));
    indentation.assign(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
  }
  const bool has_blank = bound.is_true(2, false);
  const std::string text = std::string(operand.text()) + "\n";
  const auto lines = split_lines(text, false);
  runtime.step_over_bytes(text.size());
  std::string out = bound.is_true(1, false) ? indentation : std::string();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) {
      out += '\n';
      runtime.expect_room(out.size() + indentation.size() + lines[i].size());
      if (has_blank || !lines[i].empty()) out += indentation;
    }
    out += lines[i];
  }
  return runtime.string(std::move(out), is_markup(operand));
}

Value wordcount(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "wordcount", arguments, {}, 0);
  const std::string text = to_text(runtime, operand);
  runtime.step_over_bytes(text.size());
  int64_t n = 0;
  bool is_in_word = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    const bool is_word = c == '_' || is_alphanumeric(c);
    n += is_word && !is_in_word ? 1 : 0;
    is_in_word = is_word;
  }
  return Value::integer(n);
}

Value pprint(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "pprint", arguments, {}, 0);
  return runtime.string(pretty_print(runtime, operand));
}

Value tojson(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  JsonStyle style;
  style.is_ascii = bound.is_true(0, false);
  if (bound.has_some(1) && !operand.is_string()) {
    style.item_separator.resize(1);  // Python drops the space
    if (bound.get(1).is_string()) {
      style.indent = bound.get(1).text();
    } else {
      const int64_t width = std::max<int64_t>(0, bound.integer(1, 0));
      runtime.expect_room(static_cast<size_t>(width));
      style.indent = std::string(static_cast<size_t>(width), ' ');
    }
  }
  if (bound.has_some(2)) {
    const std::vector<Value> separators = to_items(runtime, bound.get(2));
    const bool is_pair = separators.size() == 2 && separators[0].is_string() && separators[1].is_string();
    if (!is_pair) runtime.fail("found other separators of tojson than a tuple of two strings");
    style.item_separator = separators[0].text();
    style.key_separator = separators[1].text();
  }
  style.sorts_keys = bound.is_true(3, false);
  return runtime.string(dump_json(runtime, operand, style));
}

}  // namespace quandex::jinja::filter
