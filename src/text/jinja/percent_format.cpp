#include "text/jinja/percent_format.h"

#include <cmath>
#include <optional>
#include <utility>

#include "base/shown.h"
#include "base/utf8.h"
#include "text/jinja/markup.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/subscript.h"

namespace quandex::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& format, const Value& arguments)
      : runtime_(runtime), format_(format), text_(format.text()), arguments_(arguments) {
    // Python takes whatever has items for a mapping, lists included.
    is_mapping_ =
        arguments.is(Kind::dict) || arguments.is(Kind::list) || arguments.is(Kind::range) || arguments.is_undefined();
  }

  Value run() {
    while (at_ < text_.size()) {
      const size_t percent = text_.find('%', at_);
      out_ += text_.substr(at_, percent - at_);
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      write_directive();
    }
    const bool has_rest =
        arguments_.is(Kind::tuple) ? n_used_ < arguments_.items().size() : n_used_ == 0 && !is_mapping_;
    if (has_rest) runtime_.fail("found more arguments than directives in a format string");
    return runtime_.string(std::move(out_), is_markup(format_));
  }

 private:
  struct Directive {
    bool is_left = false, has_plus = false, has_space = false, is_alternate = false, has_zeros = false;
    int64_t width = 0;
    int64_t precision = -1;
    char type = 0;
  };

  char take() {
    if (at_ == text_.size()) runtime_.fail("found a format string that ends in a directive");
    return text_[at_++];
  }

  const Value& next_argument() {
    if (named_) {
      if (std::exchange(is_named_used_, true)) {
        runtime_.fail("found fewer arguments than directives in a format string");
      }
      return *named_;
    }
    if (!arguments_.is(Kind::tuple)) {
      if (n_used_++ > 0) runtime_.fail("found fewer arguments than directives in a format string");
      return arguments_;
    }
    if (n_used_ >= arguments_.items().size()) {
      runtime_.fail("found fewer arguments than directives in a format string");
    }
    return arguments_.items()[n_used_++];
  }

  int64_t take_number(char& c) {
    if (c == '*') {
      const Value& value = next_argument();
      if (!value.is_integral())
        runtime_.fail("found '{}' for '*' in a format string, expected an integer", type_name(value));
      c = take();
      return value.as_integer();
    }
    int64_t number = 0;
    while (c >= '0' && c <= '9') {
      number = number * 10 + (c - '0');
      if (number > INT32_MAX) runtime_.fail("found a width or precision that is too large");
      c = take();
    }
    return number;
  }

  void take_name() {
    if (!arguments_.is(Kind::dict)) runtime_.fail("found a name in a format string, expected a dict to format");
    const size_t begin = at_;
    for (int n_open = 1; n_open > 0;) {
      const char c = take();
      n_open += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    const std::string_view name = text_.substr(begin, at_ - begin - 1);
    const Value* value = arguments_.as<DictObject>().dictionary.find(name);
    if (value == nullptr) runtime_.fail("found no '{}' in the dict to format", shown(name));
    named_ = *value;
    is_named_used_ = false;
  }

  void write_directive() {
    named_.reset();
    Directive directive;
    char c = take();
    if (c == '%') {
      out_ += '%';
      return;
    }
    if (c == '(') {
      take_name();
      c = take();
    }
    for (;; c = take()) {
      if (c == '-')
        directive.is_left = true;
      else if (c == '+')
        directive.has_plus = true;
      else if (c == ' ')
        directive.has_space = true;
      else if (c == '#')
        directive.is_alternate = true;
      else if (c == '0')
        directive.has_zeros = true;
      else
        break;
    }
    directive.width = take_number(c);
    if (directive.width < 0) {
      directive.is_left = true;
      directive.width = directive.width < -INT32_MAX ? INT32_MAX : -directive.width;
    }
    if (c == '.') {
      c = take();
      directive.precision = std::max<int64_t>(0, take_number(c));
    }
    if (c == 'h' || c == 'l' || c == 'L') c = take();
    directive.type = c;
    pad(directive, argument_text(directive, next_argument()));
  }

  void pad(const Directive& directive, const std::string& text) {
    const size_t n = count_characters(text);
    const size_t width = static_cast<size_t>(directive.width);
    const size_t n_spaces = width > n ? width - n : 0;
    runtime_.expect_room(out_.size() + text.size() + n_spaces);
    if (!directive.is_left) out_.append(n_spaces, ' ');
    out_ += text;
    if (directive.is_left) out_.append(n_spaces, ' ');
  }

  std::string argument_text(const Directive& directive, const Value& value) {
    switch (directive.type) {
      case 's':
      case 'r':
      case 'a': {
        std::string text = directive.type == 's'   ? text_for(runtime_, format_, value)
                           : directive.type == 'r' ? repr(runtime_, value)
                                                   : ascii_text(repr(runtime_, value));
        if (directive.precision >= 0) text.resize(byte_offset(text, static_cast<size_t>(directive.precision)));
        return text;
      }
      case 'c':
        return character(value);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return integer(directive, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return real(directive, value);
      default:
        runtime_.fail("found '%{}' in a format string", shown(std::string_view(&directive.type, 1)));
    }
  }

  std::string character(const Value& value) {
    if (value.is_string() && value.as<StringObject>().n_characters == 1) return std::string(value.text());
    if (!value.is_integral())
      runtime_.fail("found '{}' for %c, expected an integer or one character", type_name(value));
    const int64_t codepoint = value.as_integer();
    if (codepoint < 0 || codepoint > 0x10FFFF || (codepoint >= 0xD800 && codepoint <= 0xDFFF)) {
      runtime_.fail("found {} for %c, expected the number of a character", codepoint);
    }
    std::string text;
    append_utf8(static_cast<char32_t>(codepoint), text);
    return text;
  }

  std::string finish(const Directive& directive, NumberText number, bool is_negative) {
    const char sign = is_negative ? '-' : directive.has_plus ? '+' : directive.has_space ? ' ' : '\0';
    if (sign != '\0') number.sign.assign(1, sign);
    return with_zeros(runtime_, number, directive.has_zeros && !directive.is_left ? directive.width : 0);
  }

  std::string integer(const Directive& directive, const Value& value) {
    const char type = directive.type == 'i' || directive.type == 'u' ? 'd' : directive.type;
    int64_t number = 0;
    if (value.is_integral()) {
      number = value.as_integer();
    } else if (value.is(Kind::real) && type == 'd') {
      const double real = value.as_real();
      if (!(std::fabs(real) < 9.2e18))
        runtime_.fail("found {} for %d, expected a number of at most 64 bits", real_text(real));
      number = static_cast<int64_t>(real);
    } else {
      if (value.is_undefined()) fail_undefined(runtime_, value);
      runtime_.fail("found '{}' for %{}, expected a number", type_name(value), type);
    }
    NumberText text;
    text.digits = integer_digits(number, type);
    if (directive.precision > static_cast<int64_t>(text.digits.size())) {
      runtime_.expect_room(static_cast<size_t>(directive.precision));
      text.digits.insert(0, static_cast<size_t>(directive.precision) - text.digits.size(), '0');
    }
    if (directive.is_alternate && type != 'd') text.prefix = type == 'o' ? "0o" : type == 'x' ? "0x" : "0X";
    return finish(directive, std::move(text), number < 0);
  }

  std::string real(const Directive& directive, const Value& value) {
    if (value.is_undefined()) fail_undefined(runtime_, value);
    if (!value.is_number()) runtime_.fail("found '{}' for %{}, expected a number", type_name(value), directive.type);
    const int64_t precision = directive.precision < 0 ? 6 : directive.precision;
    if (precision > kMaxPrecision)
      runtime_.fail("found the precision {}, expected at most {}", precision, kMaxPrecision);
    const double number = value.as_double();
    NumberText text;
    text.digits = real_digits(number, directive.type, precision, directive.is_alternate);
    return finish(directive, std::move(text), std::signbit(number) && !std::isnan(number));
  }

  Runtime& runtime_;
  const Value& format_;
  std::string_view text_;
  const Value& arguments_;
  bool is_mapping_ = false;
  size_t at_ = 0;
  size_t n_used_ = 0;
  std::optional<Value> named_;  // the argument that the directive names
  bool is_named_used_ = false;
  std::string out_;
};

}  // namespace

Value percent_format(Runtime& runtime, const Value& format, const Value& arguments) {
  return PercentFormatter(runtime, format, arguments).run();
}

}  // namespace quandex::jinja
