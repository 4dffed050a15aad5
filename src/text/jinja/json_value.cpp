#include "text/jinja/json_value.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_classes.h"

namespace quandex::jinja {
namespace {

void append_escaped(char32_t c, std::string& out) {
  if (c >= 0x10000) {
    const uint32_t offset = static_cast<uint32_t>(c) - 0x10000;
    out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (offset >> 10), 0xDC00 + (offset & 0x3FF));
  } else {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  }
}

void append_json_string(std::string_view text, bool is_ascii, std::string& out) {
  constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b";
  constexpr std::string_view kLetters = "\"\\nrtfb";
  out += '"';
  size_t unwritten = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x7F || !is_ascii)) {
      ++i;
      continue;
    }
    const char32_t c = next_character(text, i);
    out += text.substr(unwritten, begin - unwritten);
    unwritten = i;
    const size_t letter = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
    if (letter != std::string_view::npos) {
      out += '\\';
      out += kLetters[letter];
    } else {
      append_escaped(c, out);
    }
  }
  out += text.substr(unwritten);
  out += '"';
}

std::string json_real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return real_text(value);
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style, std::string& out)
      : runtime_(runtime), style_(style), out_(out) {}

  void write(const Value& value) {
    const DepthGuard guard(runtime_);
    runtime_.step(1 + (value.is_string() ? value.weight() : 0));
    runtime_.expect_room(out_.size());
    switch (value.kind()) {
      case Kind::none:
        out_ += "null";
        return;
      case Kind::boolean:
        out_ += value.as_integer() != 0 ? "true" : "false";
        return;
      case Kind::integer:
        out_ += fmt::format_int(value.as_integer()).c_str();
        return;
      case Kind::real:
        out_ += json_real(value.as_real());
        return;
      case Kind::string:
        return append_json_string(value.text(), style_.is_ascii, out_);
      case Kind::list:
      case Kind::tuple:
        return write_list(value.items());
      case Kind::dict:
        return write_dict(value.as<DictObject>().dictionary);
      default:
        runtime_.fail("found '{}', expected a value that JSON has", type_name(value));
    }
  }

 private:
  // Between the brackets: what goes before each item and before the closing bracket.
  void begin_item(bool is_first) {
    if (!is_first) out_ += style_.item_separator;
    break_line();
  }
  void break_line() {
    if (!style_.indent) return;
    runtime_.expect_room(out_.size() + style_.indent->size() * level_);
    out_ += '\n';
    for (size_t i = 0; i < level_; ++i) out_ += *style_.indent;
  }

  void write_list(const std::vector<Value>& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    ++level_;
    bool is_first = true;
    for (const Value& item : items) {
      begin_item(is_first);
      is_first = false;
      write(item);
    }
    --level_;
    break_line();
    out_ += ']';
  }

  void write_dict(const Dictionary& dictionary) {
    if (dictionary.size() == 0) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    ++level_;
    bool is_first = true;
    const auto write_entry = [&](const Dictionary::Entry& entry) {
      begin_item(is_first);
      is_first = false;
      write_key(entry.first);
      out_ += style_.key_separator;
      write(entry.second);
    };
    if (style_.sorts_keys) {
      for (const Dictionary::Entry* entry : sorted(dictionary)) write_entry(*entry);
    } else {
      for (const Dictionary::Entry& entry : dictionary.entries()) write_entry(entry);
    }
    --level_;
    break_line();
    out_ += '}';
  }

  std::vector<const Dictionary::Entry*> sorted(const Dictionary& dictionary) {
    std::vector<const Dictionary::Entry*> entries;
    for (const Dictionary::Entry& entry : dictionary.entries()) entries.push_back(&entry);
    std::stable_sort(entries.begin(), entries.end(), [&](const auto* left, const auto* right) {
      runtime_.step(std::min(left->first.weight(), right->first.weight()));
      return compare(runtime_, left->first, right->first) == Order::less;
    });
    return entries;
  }

  void write_key(const Value& key) {
    switch (key.kind()) {
      case Kind::string:
        return append_json_string(key.text(), style_.is_ascii, out_);
      case Kind::none:
        out_ += "\"null\"";
        return;
      case Kind::boolean:
        out_ += key.as_integer() != 0 ? "\"true\"" : "\"false\"";
        return;
      case Kind::integer:
        out_ += fmt::format("\"{}\"", key.as_integer());
        return;
      case Kind::real:
        out_ += fmt::format("\"{}\"", json_real(key.as_real()));
        return;
      default:
        runtime_.fail("found a key of type '{}', expected one that JSON has", type_name(key));
    }
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string& out_;
  size_t level_ = 0;
};

}  // namespace

namespace {

Value to_string(Runtime& runtime, const std::string& text) {
  return runtime.string(is_ascii_text(text) ? text : to_valid_utf8(text));
}

}  // namespace

Value to_value(Runtime& runtime, const Json& json) {
  const DepthGuard guard(runtime);
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > static_cast<uint64_t>(INT64_MAX)) {
        runtime.refuse("the integer {} of the context, which needs more than 64 bits with its sign, is not supported",
                       number);
      }
      return Value::integer(static_cast<int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string:
      return to_string(runtime, json.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(to_value(runtime, item));
      return runtime.list(std::move(items));
    }
    case Json::value_t::object: {
      Dictionary dictionary;
      dictionary.reserve(json.size());
      for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
        dictionary.set(to_string(runtime, key), to_value(runtime, value));
      }
      return runtime.dict(std::move(dictionary));
    }
    default:
      return Value::none();
  }
}

std::unordered_map<std::string, Value> to_variables(Runtime& runtime, const Json& context) {
  if (!context.is_object()) {
    throw Error(ErrorCode::invalid_argument, "the context of a template is {}, expected an object",
                context.type_name());
  }
  std::unordered_map<std::string, Value> variables;
  for (const auto& [name, value] : context.get_ref<const Json::object_t&>()) {
    variables.insert_or_assign(name, to_value(runtime, value));
  }
  return variables;
}

std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  std::string text;
  JsonWriter(runtime, style, text).write(value);
  return text;
}

}  // namespace quandex::jinja
