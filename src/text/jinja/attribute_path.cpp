#include "text/jinja/attribute_path.h"

#include <charconv>

#include "text/jinja/markup.h"
#include "text/jinja/string_classes.h"
#include "text/jinja/subscript.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja {

AttributePath::AttributePath(Runtime& runtime, const Value& attribute, Value default_value)
    : default_(std::move(default_value)) {
  if (attribute.is_missing() || attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  for (const std::string_view part : split_text(runtime, attribute.text(), ".", -1)) {
    int64_t number = 0;
    const auto end = part.data() + part.size();
    const bool is_number = !part.empty() && part[0] != '-' && std::from_chars(part.data(), end, number).ptr == end;
    parts_.push_back(is_number ? Value::integer(number) : runtime.string(std::string(part)));
  }
}

Value AttributePath::get(Runtime& runtime, const Value& item) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = get_item(runtime, value, part);
    if (value.is_undefined() && !default_.is_missing() && !default_.is_none()) value = default_;
  }
  return value;
}

Value without_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.string(to_lower(value.text()), is_markup(value)) : value;
}

}  // namespace quandex::jinja
