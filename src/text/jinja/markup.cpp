#include "text/jinja/markup.h"

#include "text/jinja/operators.h"

namespace quandex::jinja {

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escaped_text(Runtime& runtime, const Value& value) {
  std::string text = to_text(runtime, value);
  if (is_markup(value)) return text;
  runtime.expect_room(text.size() * 5);
  return escape_html(text);
}

std::string text_for(Runtime& runtime, const Value& text, const Value& value) {
  return is_markup(text) ? escaped_text(runtime, value) : to_text(runtime, value);
}

Value add_strings(Runtime& runtime, const Value& left, const Value& right) {
  const bool is_result_markup = is_markup(left) || is_markup(right);
  runtime.expect_room(left.text().size() + right.text().size());
  if (!is_result_markup) {
    std::string text;
    text.reserve(left.text().size() + right.text().size());
    text += left.text();
    text += right.text();
    return runtime.string(std::move(text));
  }
  return runtime.string(escaped_text(runtime, left) + escaped_text(runtime, right), true);
}

}  // namespace quandex::jinja
