// Text that counts as escaped, as markupsafe's Markup does: what is added to it is escaped for HTML.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

inline bool is_markup(const Value& value) { return value.is_string() && value.as<StringObject>().is_markup; }

std::string escape_html(std::string_view text);

// The text of a value, escaped unless it is markup.
std::string escaped_text(Runtime& runtime, const Value& value);

// The text of a value as a part of `text` sees it: escaped where `text` is markup and the value is not.
std::string text_for(Runtime& runtime, const Value& text, const Value& value);

// left + right of two strings.
Value add_strings(Runtime& runtime, const Value& left, const Value& right);

}  // namespace quandex::jinja
