#include <charconv>
#include <cmath>

#include "base/shown.h"
#include "text/jinja/ast.h"
#include "text/jinja/loop.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace quandex::jinja {
namespace {

void append_string_repr(std::string_view text, std::string& out) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_character(text, i);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += text.substr(begin, i - begin);
    } else {
      append_escape(c, out);
    }
  }
  out += quote;
}

class ReprWriter {
 public:
  ReprWriter(Runtime& runtime, std::string& out) : runtime_(runtime), out_(out) {}

  void write(const Value& value) {
    const DepthGuard guard(runtime_);
    runtime_.step();
    runtime_.expect_room(out_.size());
    switch (value.kind()) {
      case Kind::missing:
      case Kind::undefined:
        out_ += "Undefined";
        return;
      case Kind::string:
        return write_string(value);
      case Kind::list:
        return write_items(value.items(), '[', ']');
      case Kind::tuple:
        return write_tuple(value.items());
      case Kind::dict:
        return write_dict(value.as<DictObject>().dictionary);
      case Kind::dict_view:
        return write_view(value.as<DictViewObject>());
      case Kind::name_space:
        out_ += "<Namespace ";
        write_dict(value.as<NamespaceObject>().attributes);
        out_ += '>';
        return;
      default:
        append_text(runtime_, value, out_);
    }
  }

 private:
  void write_string(const Value& value) {
    runtime_.step(value.weight());
    const bool is_markup = value.as<StringObject>().is_markup;
    if (is_markup) out_ += "Markup(";
    append_string_repr(value.text(), out_);
    if (is_markup) out_ += ')';
  }

  void write_items(const std::vector<Value>& items, char opening, char closing) {
    out_ += opening;
    bool is_first = true;
    for (const Value& item : items) {
      if (!is_first) out_ += ", ";
      is_first = false;
      write(item);
    }
    out_ += closing;
  }

  void write_tuple(const std::vector<Value>& items) {
    write_items(items, '(', ')');
    if (items.size() == 1) out_.insert(out_.end() - 1, ',');
  }

  void write_dict(const Dictionary& dictionary) {
    out_ += '{';
    bool is_first = true;
    for (const auto& [key, value] : dictionary.entries()) {
      if (!is_first) out_ += ", ";
      is_first = false;
      write(key);
      out_ += ": ";
      write(value);
    }
    out_ += '}';
  }

  void write_view(const DictViewObject& view) {
    const Dictionary& dictionary = view.dict.as<DictObject>().dictionary;
    out_ += view.view == DictViewKind::keys     ? "dict_keys(["
            : view.view == DictViewKind::values ? "dict_values(["
                                                : "dict_items([";
    bool is_first = true;
    for (const auto& [key, value] : dictionary.entries()) {
      if (!is_first) out_ += ", ";
      is_first = false;
      if (view.view == DictViewKind::items) {
        write_items({key, value}, '(', ')');
      } else {
        write(view.view == DictViewKind::keys ? key : value);
      }
    }
    out_ += "])";
  }

  Runtime& runtime_;
  std::string& out_;
};

std::string range_text(const RangeObject& range) {
  return range.step == 1 ? fmt::format("range({}, {})", range.start, range.stop)
                         : fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
}

}  // namespace

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<size_t>(end - buffer));
  const size_t e = scientific.find('e');
  int exponent = 0;
  const char* digits_of_exponent = scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits_of_exponent, end, exponent);
  if (exponent >= -4 && exponent < 16) {
    const auto fixed_end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed).ptr;
    std::string text(buffer, fixed_end);
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
  }
  return std::string(scientific);
}

void append_text(Runtime& runtime, const Value& value, std::string& out) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
      return;
    case Kind::none:
      out += "None";
      return;
    case Kind::boolean:
      out += value.as_integer() != 0 ? "True" : "False";
      return;
    case Kind::integer:
      out += fmt::format_int(value.as_integer()).c_str();
      return;
    case Kind::real:
      out += real_text(value.as_real());
      return;
    case Kind::string:
      out += value.text();
      return;
    case Kind::range:
      out += range_text(value.as<RangeObject>());
      return;
    case Kind::macro: {
      const std::string& name = value.as<MacroObject>().macro->name;
      out += name.empty() ? std::string("<Macro anonymous>") : fmt::format("<Macro '{}'>", name);
      return;
    }
    case Kind::loop: {
      LoopObject& loop = value.as<LoopObject>();
      out += fmt::format("<LoopContext {}/{}>", loop.index0() + 1, loop.length());
      return;
    }
    case Kind::iterator:
    case Kind::method:
    case Kind::function:
    case Kind::cycler:
    case Kind::joiner:
      runtime.refuse("the text of a '{}' object, which differs from run to run in Python, is not supported",
                     type_name(value));
    default:
      return append_repr(runtime, value, out);
  }
}

std::string to_text(Runtime& runtime, const Value& value) {
  std::string text;
  append_text(runtime, value, text);
  return text;
}

void append_repr(Runtime& runtime, const Value& value, std::string& out) { ReprWriter(runtime, out).write(value); }

std::string repr(Runtime& runtime, const Value& value) {
  std::string text;
  append_repr(runtime, value, text);
  return text;
}

}  // namespace quandex::jinja
