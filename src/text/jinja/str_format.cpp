#include "text/jinja/str_format.h"

#include <algorithm>

#include "base/shown.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/subscript.h"

namespace quandex::jinja {
namespace {

class FieldFormatter {
 public:
  FieldFormatter(Runtime& runtime, const Value& format, const Arguments& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  std::string expand(std::string_view text, int depth) {
    if (depth < 0) runtime_.fail("found fields nested too deep in a format string");
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t brace = text.find_first_of("{}", at);
      out += text.substr(at, brace - at);
      if (brace == std::string_view::npos) break;
      const bool is_doubled = brace + 1 < text.size() && text[brace + 1] == text[brace];
      if (is_doubled) {
        out += text[brace];
        at = brace + 2;
        continue;
      }
      if (text[brace] == '}') runtime_.fail("found a single '}}' in a format string");
      const size_t end = end_of_field(text, brace + 1);
      out += field(text.substr(brace + 1, end - brace - 1), depth);
      runtime_.expect_room(out.size());
      at = end + 1;
    }
    return out;
  }

 private:
  size_t end_of_field(std::string_view text, size_t begin) {
    int n_open = 1;
    bool is_in_key = false;  // between square brackets braces mean themselves
    for (size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '[') is_in_key = true;
      if (text[i] == ']') is_in_key = false;
      if (is_in_key) continue;
      if (text[i] == '{') ++n_open;
      if (text[i] == '}' && --n_open == 0) return i;
    }
    runtime_.fail("found no '}}' that ends a field of a format string");
  }

  std::string field(std::string_view text, int depth) {
    size_t name_end = 0;
    for (bool is_in_key = false; name_end < text.size(); ++name_end) {
      const char c = text[name_end];
      if (c == '[') is_in_key = true;
      if (c == ']') is_in_key = false;
      if (!is_in_key && (c == '!' || c == ':')) break;
    }
    Value value = lookup(text.substr(0, name_end));
    std::string_view rest = text.substr(name_end);
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':')) {
        runtime_.fail("found a conversion in a format string, expected !s or !r and then ':' or '}}'");
      }
      if (rest[1] == 'r')
        value = runtime_.string(repr(runtime_, value));
      else if (rest[1] == 's')
        value = runtime_.string(to_text(runtime_, value));
      else if (rest[1] == 'a')
        value = runtime_.string(ascii_text(repr(runtime_, value)));
      else
        runtime_.fail("found the conversion '!{}' in a format string", shown(rest.substr(1, 1)));
      rest.remove_prefix(2);
    }
    const std::string specification = rest.empty() ? std::string() : expand(rest.substr(1), depth - 1);
    std::string out = format_value(runtime_, value, specification);
    return is_markup(format_) && !is_markup(value) ? escape_html(out) : out;
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  // A number alone, or nothing, chooses between numbered and unnumbered fields; one with attributes or keys does not.
  size_t plain_index(std::string_view name) {
    const bool is_automatic = name.empty();
    if (is_automatic ? has_numbers_ : n_automatic_ > 0) {
      runtime_.fail("found both numbered and unnumbered fields in a format string");
    }
    has_numbers_ |= !is_automatic;
    return is_automatic ? n_automatic_++ : number(name);
  }

  Value argument(std::string_view name, bool is_plain) {
    if (is_number(name) || (is_plain && name.empty())) {
      const size_t index = is_plain ? plain_index(name) : number(name);
      if (index >= arguments_.positional.size()) runtime_.fail("found no argument {} of a format string", index);
      return arguments_.positional[index];
    }
    for (const auto& [key, value] : arguments_.keyword) {
      if (key == name) return value;
    }
    runtime_.fail("found no argument '{}' of a format string", shown(name));
  }

  size_t number(std::string_view digits) {
    size_t number = 0;
    for (const char c : digits) {
      number = number * 10 + static_cast<size_t>(c - '0');
      if (number > INT32_MAX) runtime_.fail("found too many digits in a format string");
    }
    return number;
  }

  Value lookup(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, first_end), first_end == name.size());
    name.remove_prefix(first_end);
    while (!name.empty()) {
      if (name[0] == '.') {
        const size_t end = std::min(name.find_first_of(".[", 1), name.size());
        if (end == 1) runtime_.fail("found an empty attribute in a format string");
        value = get_attribute(runtime_, value, name.substr(1, end - 1));
        name.remove_prefix(end);
      } else {
        const size_t end = name.find(']');
        if (name[0] != '[' || end == std::string_view::npos) {
          runtime_.fail("found '{}' in a field of a format string, expected '.name' or '[key]'", shown(name));
        }
        const std::string_view key = name.substr(1, end - 1);
        if (key.empty()) runtime_.fail("found an empty key in a format string");
        value = get_item(
            runtime_, value,
            is_number(key) ? Value::integer(static_cast<int64_t>(number(key))) : runtime_.string(std::string(key)));
        name.remove_prefix(end + 1);
      }
    }
    return value;
  }

  Runtime& runtime_;
  const Value& format_;
  const Arguments& arguments_;
  size_t n_automatic_ = 0;
  bool has_numbers_ = false;
};

}  // namespace

Value format_string(Runtime& runtime, const Value& format, const Arguments& arguments) {
  return runtime.string(FieldFormatter(runtime, format, arguments).expand(format.text(), 2), is_markup(format));
}

}  // namespace quandex::jinja
