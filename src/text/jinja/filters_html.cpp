#include <algorithm>
#include <array>
#include <charconv>

#include "base/shown.h"
#include "base/utf8.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/iteration.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_search.h"

namespace quandex::jinja::filter {

Value escape(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "escape", arguments, {}, 0);
  return is_markup(operand) ? operand : runtime.string(escaped_text(runtime, operand), true);
}

Value forceescape(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "forceescape", arguments, {}, 0);
  const std::string text = to_text(runtime, operand);
  runtime.expect_room(text.size() * 5);
  return runtime.string(escape_html(text), true);
}

Value safe(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "safe", arguments, {}, 0);
  return is_markup(operand) ? operand : runtime.string(to_text(runtime, operand), true);
}

namespace {

// The text without comments and tags, up to one that does not end.
std::string without_tags(std::string_view text) {
  constexpr std::string_view kComment = "<!--";
  std::string out;
  size_t at = 0;
  for (size_t begin = 0; (begin = text.find('<', at)) != std::string_view::npos;) {
    const bool is_comment = text.substr(begin).starts_with(kComment);
    const std::string_view closing = is_comment ? "-->" : ">";
    const size_t end = text.find(closing, is_comment ? begin + kComment.size() : begin);
    if (end == std::string_view::npos) break;
    out += text.substr(at, begin - at);
    at = end + closing.size();
  }
  out += text.substr(at);
  return out;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEntities = {
    {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", "\u00A0"}}};

// The character of "#65" or "#x41", appended; false where it is none that HTML knows as itself.
bool append_numeric(std::string_view reference, std::string& out) {
  const bool is_hex = reference.size() > 1 && (reference[1] | 0x20) == 'x';
  const std::string_view digits = reference.substr(is_hex ? 2 : 1);
  uint32_t codepoint = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), codepoint, is_hex ? 16 : 10);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return false;
  const bool is_itself = (codepoint >= 0x20 && codepoint < 0x7F) || (codepoint >= 0xA0 && codepoint < 0xD800) ||
                         (codepoint >= 0xE000 && codepoint < 0xFDD0) || codepoint == '\n' || codepoint == '\t' ||
                         (codepoint > 0xFDEF && codepoint <= 0x10FFFF && (codepoint & 0xFFFE) != 0xFFFE);
  if (is_itself) append_utf8(codepoint, out);
  return is_itself;
}

std::string unescape_html(Runtime& runtime, std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t ampersand = text.find('&', at);
    out += text.substr(at, ampersand - at);
    if (ampersand == std::string_view::npos) break;
    size_t end = ampersand + 1;
    const auto is_part = [](char c) {
      return c == '#' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    };
    while (end < text.size() && is_part(text[end])) ++end;
    const std::string_view reference = text.substr(ampersand + 1, end - ampersand - 1);
    at = end;
    if (reference.empty()) {
      out += '&';
      continue;
    }
    const auto entity =
        std::find_if(kEntities.begin(), kEntities.end(), [&](const auto& one) { return one.first == reference; });
    const bool is_closed = end < text.size() && text[end] == ';';
    if (is_closed && entity != kEntities.end()) {
      out += entity->second;
    } else if (!is_closed || reference[0] != '#' || !append_numeric(reference, out)) {
      runtime.refuse("the character reference '&{}' in striptags is not supported", shown(reference));
    }
    ++at;
  }
  return out;
}

}  // namespace

Value striptags(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "striptags", arguments, {}, 0);
  const std::string whole = to_text(runtime, operand);
  runtime.step_over_bytes(whole.size());
  const std::string text = without_tags(whole);
  std::string joined;
  for (const std::string_view word : split_text(runtime, text, std::nullopt, -1)) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return runtime.string(unescape_html(runtime, joined));
}

namespace {

void append_quoted(std::string_view text, bool is_query, std::string& out) {
  constexpr std::string_view kSafe = "_.-~";
  for (const char c : text) {
    const bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (is_alphanumeric || kSafe.find(c) != std::string_view::npos || (c == '/' && !is_query)) {
      out += c;
    } else if (c == ' ' && is_query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

}  // namespace

Value urlencode(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "urlencode", arguments, {}, 0);
  std::string out;
  if (operand.is_string() || !is_iterable(operand)) {
    const std::string text = to_text(runtime, operand);
    runtime.expect_room(text.size() * 3);
    append_quoted(text, false, out);
    return runtime.string(std::move(out));
  }
  const Value pairs = operand.is(Kind::dict) ? runtime.dict_view(operand, DictViewKind::items) : operand;
  ValueIterator iterator(runtime, pairs);
  while (const auto pair = iterator.next()) {
    const std::vector<Value> parts = to_items(runtime, *pair);
    if (parts.size() != 2) runtime.fail("found {} values, expected a key and a value to encode", parts.size());
    if (!out.empty()) out += '&';
    append_quoted(to_text(runtime, parts[0]), true, out);
    out += '=';
    append_quoted(to_text(runtime, parts[1]), true, out);
    runtime.expect_room(out.size());
  }
  return runtime.string(std::move(out));
}

Value xmlattr(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "xmlattr", arguments, {"autospace"}, 0);
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (!operand.is(Kind::dict)) runtime.fail("found '{}', expected a dict of attributes", type_name(operand));
  std::string out;
  for (const auto& [key, value] : operand.as<DictObject>().dictionary.entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string()) runtime.fail("found '{}' as the name of an attribute, expected a string", type_name(key));
    if (key.text().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
      runtime.fail("found the name '{}' of an attribute, expected one without spaces, '/', '>' and '='",
                   shown(key.text()));
    }
    if (!out.empty()) out += ' ';
    out += fmt::format("{}=\"{}\"", escaped_text(runtime, key), escaped_text(runtime, value));
    runtime.expect_room(out.size());
  }
  if (bound.is_true(0, true) && !out.empty()) out.insert(out.begin(), ' ');
  return runtime.string(std::move(out));
}

}  // namespace quandex::jinja::filter
