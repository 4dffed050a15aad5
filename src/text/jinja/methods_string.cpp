#include <algorithm>
#include <array>
#include <span>

#include "base/shown.h"
#include "text/jinja/iteration.h"
#include "text/jinja/markup.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/str_format.h"
#include "text/jinja/string_classes.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja {
namespace {

// A call of a method: its string, its arguments, and how results are made.
class StringCall {
 public:
  StringCall(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments,
             std::span<const std::string_view> parameters, size_t n_required)
      : runtime(runtime), self(self), text(self.text()), bound(runtime, name, arguments, parameters, n_required) {}

  Value make(std::string result) const { return runtime.string(std::move(result), is_markup(self)); }
  Value make(std::string_view result) const { return make(std::string(result)); }

  Value make_list(const std::vector<std::string_view>& parts) const {
    runtime.expect_room(parts.size() * (sizeof(Value) + sizeof(StringObject)));
    std::vector<Value> items;
    items.reserve(parts.size());
    for (const std::string_view part : parts) items.push_back(make(part));
    return runtime.list(std::move(items));
  }

  std::string_view string(size_t parameter) const {
    const Value& value = bound.get(parameter);
    if (value.is_undefined()) fail_undefined(runtime, value);
    if (!value.is_string()) runtime.fail("found '{}' as an argument, expected a string", type_name(value));
    return value.text();
  }
  std::optional<std::string_view> optional_string(size_t parameter) const {
    return bound.has_some(parameter) ? std::optional(string(parameter)) : std::nullopt;
  }
  std::optional<int64_t> optional_integer(size_t parameter) const {
    return bound.has_some(parameter) ? std::optional(bound.integer(parameter, 0)) : std::nullopt;
  }
  // The piece that the optional parameters from `start` on select.
  std::optional<TextSpan> span(size_t start) const {
    return text_span(text, self.as<StringObject>().n_characters, optional_integer(start), optional_integer(start + 1));
  }
  std::string_view piece(const TextSpan& span) const { return text.substr(span.begin, span.end - span.begin); }

  Runtime& runtime;
  const Value& self;
  std::string_view text;
  BoundArguments bound;
};

Value strip(const StringCall& call, Side side) {
  const auto characters = call.optional_string(0);
  if (characters) call.runtime.step(call.text.size() / 64 * (1 + characters->size() / 8));
  return call.make(characters ? strip_characters(call.text, *characters, side) : strip_spaces(call.text, side));
}

// The character where the argument is found, or -1.
int64_t find(const StringCall& call, bool from_right) {
  const std::string_view part = call.string(0);
  const auto span = call.span(1);
  if (!span) return -1;
  const std::string_view piece = call.piece(*span);
  const size_t found = from_right ? find_last_text(call.runtime, piece, part) : find_text(call.runtime, piece, part);
  if (found == std::string_view::npos) return -1;
  return static_cast<int64_t>(span->first + count_characters(piece.substr(0, found)));
}

Value index(const StringCall& call, bool from_right) {
  const int64_t found = find(call, from_right);
  if (found < 0) call.runtime.fail("found no '{}' in the string", shown(call.string(0)));
  return Value::integer(found);
}

Value has_affix(const StringCall& call, bool is_prefix) {
  const auto span = call.span(1);
  const auto is_affix = [&](const Value& affix) {
    if (!affix.is_string()) {
      if (affix.is_undefined()) fail_undefined(call.runtime, affix);
      call.runtime.fail("found '{}' as a prefix or suffix, expected a string or a tuple of strings", type_name(affix));
    }
    if (!span) return false;
    return is_prefix ? call.piece(*span).starts_with(affix.text()) : call.piece(*span).ends_with(affix.text());
  };
  const Value& affixes = call.bound.get(0);
  if (!affixes.is(Kind::tuple)) return Value::boolean(is_affix(affixes));
  call.runtime.step(affixes.items().size());
  return Value::boolean(std::any_of(affixes.items().begin(), affixes.items().end(), is_affix));
}

Value replace(const StringCall& call) {
  const std::string_view old = call.string(0);
  if (!is_markup(call.self)) call.string(1);  // markup takes anything and escapes its text
  const std::string replacement = text_for(call.runtime, call.self, call.bound.get(1));
  const int64_t most = call.bound.integer(2, -1);
  return call.make(replace_text(call.runtime, call.text, old, replacement, most));
}

Value split(const StringCall& call, bool from_right) {
  const auto separator = call.optional_string(0);
  if (separator && separator->empty()) call.runtime.fail("found an empty separator");
  const int64_t most = call.bound.integer(1, -1);
  return call.make_list(from_right ? split_text_from_right(call.runtime, call.text, separator, most)
                                   : split_text(call.runtime, call.text, separator, most));
}

Value partition(const StringCall& call, bool from_right) {
  const std::string_view separator = call.string(0);
  if (separator.empty()) call.runtime.fail("found an empty separator");
  const size_t found =
      from_right ? find_last_text(call.runtime, call.text, separator) : find_text(call.runtime, call.text, separator);
  if (found == std::string_view::npos) {
    const Value whole = call.make(call.text);
    const Value empty = call.make(std::string());
    return from_right ? call.runtime.tuple({empty, empty, whole}) : call.runtime.tuple({whole, empty, empty});
  }
  return call.runtime.tuple({call.make(call.text.substr(0, found)), call.make(separator),
                             call.make(call.text.substr(found + separator.size()))});
}

Value join(const StringCall& call) {
  TextBuilder out(call.runtime);
  bool is_first = true;
  ValueIterator items(call.runtime, call.bound.get(0));
  while (const auto item = items.next()) {
    if (!item->is_string() && !is_markup(call.self)) {
      call.runtime.fail("found '{}' among what is joined, expected strings", type_name(*item));
    }
    if (!is_first) out.append(call.text);
    is_first = false;
    out.append(text_for(call.runtime, call.self, *item));
  }
  return out.finish(is_markup(call.self));
}

Value justify(const StringCall& call, Alignment alignment) {
  const std::string fill = call.bound.has(1) ? std::string(call.string(1)) : " ";
  if (count_characters(fill) != 1) call.runtime.fail("found '{}' as the fill, expected one character", shown(fill));
  const int64_t width = call.bound.integer(0, 0);
  const Padding pad = padding(call.self.as<StringObject>().n_characters, width, alignment);
  call.runtime.expect_room(call.text.size() + (width > 0 ? static_cast<size_t>(width) : 0) * fill.size());
  std::string out;
  for (size_t i = 0; i < pad.left; ++i) out += fill;
  out += call.text;
  for (size_t i = 0; i < pad.right; ++i) out += fill;
  return call.make(std::move(out));
}

Value fill_zeros(const StringCall& call) {
  const int64_t width = call.bound.integer(0, 0);
  const Padding pad = padding(call.self.as<StringObject>().n_characters, width, Alignment::right);
  call.runtime.expect_room(call.text.size() + pad.left);
  const bool has_sign = call.text.starts_with('+') || call.text.starts_with('-');
  std::string out(call.text.substr(0, has_sign ? 1 : 0));
  out.append(pad.left, '0');
  out += call.text.substr(has_sign ? 1 : 0);
  return call.make(std::move(out));
}

Value expand_tabs(const StringCall& call) {
  const int64_t size = call.bound.integer(0, 8);
  std::string out;
  int64_t column = 0;
  for (size_t i = 0; i < call.text.size();) {
    const size_t begin = i;
    const char32_t c = next_character(call.text, i);
    if (c == '\t') {
      const int64_t n = size > 0 ? size - column % size : 0;
      call.runtime.expect_room(out.size() + static_cast<size_t>(n));
      out.append(static_cast<size_t>(n), ' ');
      column += n;
    } else {
      out += call.text.substr(begin, i - begin);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
  }
  return call.make(std::move(out));
}

Value remove_affix(const StringCall& call, bool is_prefix) {
  const std::string_view affix = call.string(0);
  std::string_view text = call.text;
  if (is_prefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!is_prefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return call.make(text);
}

Value count(const StringCall& call) {
  const std::string_view part = call.string(0);
  const auto span = call.span(1);
  return Value::integer(span ? static_cast<int64_t>(count_occurrences(call.runtime, call.piece(*span), part)) : 0);
}

Value split_into_lines(const StringCall& call) {
  // Every break begins with one of these bytes, so that there are at most so many lines.
  const auto n_breaks = std::count_if(call.text.begin(), call.text.end(),
                                      [](char c) { return (c >= 0x0A && c <= 0x1E) || c == '\xC2' || c == '\xE2'; });
  call.runtime.expect_room(static_cast<size_t>(n_breaks) * (sizeof(StringObject) + sizeof(Value)));
  return call.make_list(split_lines(call.text, call.bound.is_true(0, false)));
}

template <std::string (*change)(std::string_view)>
Value changed(const StringCall& call) {
  call.runtime.expect_room(call.text.size() * 3);
  return call.make(change(call.text));
}

template <bool (*is_so)(std::string_view)>
Value claim(const StringCall& call) {
  return Value::boolean(is_so(call.text));
}

struct Method {
  std::string_view name;
  Value (*call)(const StringCall&);
  std::span<const std::string_view> parameters;
  size_t n_required;
  bool takes_names;  // whether arguments may be given by name
};

// Parameters that Python takes by position only have a name all the same.
constexpr std::array<std::string_view, 0> kNone = {};
constexpr std::array<std::string_view, 1> kChars = {"chars"};
constexpr std::array<std::string_view, 3> kPart = {"sub", "start", "end"};
constexpr std::array<std::string_view, 2> kSplit = {"sep", "maxsplit"};
constexpr std::array<std::string_view, 1> kSeparator = {"sep"};
constexpr std::array<std::string_view, 1> kIterable = {"iterable"};
constexpr std::array<std::string_view, 3> kReplace = {"old", "new", "count"};
constexpr std::array<std::string_view, 2> kWidth = {"width", "fillchar"};
constexpr std::array<std::string_view, 1> kTabs = {"tabsize"};
constexpr std::array<std::string_view, 1> kLines = {"keepends"};

constexpr std::array<Method, 43> kMethods = {{
    {"capitalize", changed<to_capitalized>, kNone, 0, false},
    {"center", [](const StringCall& call) { return justify(call, Alignment::center); }, kWidth, 1, false},
    {"count", count, kPart, 1, false},
    {"endswith", [](const StringCall& call) { return has_affix(call, false); }, kPart, 1, false},
    {"expandtabs", expand_tabs, kTabs, 0, true},
    {"find", [](const StringCall& call) { return Value::integer(find(call, false)); }, kPart, 1, false},
    {"index", [](const StringCall& call) { return index(call, false); }, kPart, 1, false},
    {"isalnum", claim<all_characters<is_alphanumeric>>, kNone, 0, false},
    {"isalpha", claim<all_characters<is_alpha>>, kNone, 0, false},
    {"isascii", claim<is_ascii_text>, kNone, 0, false},
    {"isdecimal", claim<all_characters<is_decimal>>, kNone, 0, false},
    {"isdigit", claim<all_characters<is_digit>>, kNone, 0, false},
    {"isidentifier", claim<is_identifier_text>, kNone, 0, false},
    {"islower", claim<is_lower_text>, kNone, 0, false},
    {"isnumeric", claim<all_characters<is_numeric>>, kNone, 0, false},
    {"isprintable", claim<is_printable_text>, kNone, 0, false},
    {"isspace", claim<all_characters<is_space>>, kNone, 0, false},
    {"istitle", claim<is_title_text>, kNone, 0, false},
    {"isupper", claim<is_upper_text>, kNone, 0, false},
    {"join", join, kIterable, 1, false},
    {"ljust", [](const StringCall& call) { return justify(call, Alignment::left); }, kWidth, 1, false},
    {"lower", changed<to_lower>, kNone, 0, false},
    {"lstrip", [](const StringCall& call) { return strip(call, Side::left); }, kChars, 0, false},
    {"partition", [](const StringCall& call) { return partition(call, false); }, kSeparator, 1, false},
    {"removeprefix", [](const StringCall& call) { return remove_affix(call, true); }, kSeparator, 1, false},
    {"removesuffix", [](const StringCall& call) { return remove_affix(call, false); }, kSeparator, 1, false},
    {"replace", replace, kReplace, 2, false},
    {"rfind", [](const StringCall& call) { return Value::integer(find(call, true)); }, kPart, 1, false},
    {"rindex", [](const StringCall& call) { return index(call, true); }, kPart, 1, false},
    {"rjust", [](const StringCall& call) { return justify(call, Alignment::right); }, kWidth, 1, false},
    {"rpartition", [](const StringCall& call) { return partition(call, true); }, kSeparator, 1, false},
    {"rsplit", [](const StringCall& call) { return split(call, true); }, kSplit, 0, true},
    {"rstrip", [](const StringCall& call) { return strip(call, Side::right); }, kChars, 0, false},
    {"split", [](const StringCall& call) { return split(call, false); }, kSplit, 0, true},
    {"splitlines", split_into_lines, kLines, 0, true},
    {"startswith", [](const StringCall& call) { return has_affix(call, true); }, kPart, 1, false},
    {"strip", [](const StringCall& call) { return strip(call, Side::both); }, kChars, 0, false},
    {"swapcase", changed<swap_case>, kNone, 0, false},
    {"title", changed<to_title>, kNone, 0, false},
    {"upper", changed<to_upper>, kNone, 0, false},
    {"zfill", fill_zeros, kWidth, 1, false},
    {"casefold", changed<to_folded>, kNone, 0, false},
    {"format", nullptr, kNone, 0, true},  // takes any arguments
}};

}  // namespace

bool has_string_method(std::string_view name) {
  return std::any_of(kMethods.begin(), kMethods.end(), [&](const Method& method) { return method.name == name; });
}

Value call_string_method(Runtime& runtime, const Value& self, std::string_view name, const Arguments& arguments) {
  runtime.step(self.weight());
  const auto method =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const Method& one) { return one.name == name; });
  if (method->call == nullptr) return format_string(runtime, self, arguments);
  if (!method->takes_names && !arguments.keyword.empty()) {
    runtime.fail("found the argument '{}' of {} by name, expected it by position",
                 shown(arguments.keyword.front().first), name);
  }
  return method->call(StringCall(runtime, self, name, arguments, method->parameters, method->n_required));
}

}  // namespace quandex::jinja
