#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/shown.h"
#include "base/utf8.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/str_format.h"

namespace quandex::jinja {
namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Specification {
  std::string fill = " ";
  char alignment = 0;  // one of < > = ^, or 0
  char sign = 0;       // one of + - and space, or 0
  bool is_alternate = false;
  bool has_zeros = false;
  int64_t width = 0;
  char grouping = 0;  // , or _
  int64_t precision = -1;
  char type = 0;
};

bool is_alignment(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

class SpecificationReader {
 public:
  SpecificationReader(Runtime& runtime, std::string_view text) : runtime_(runtime), text_(text), rest_(text) {}

  Specification read() {
    Specification spec;
    bool has_fill = false;
    size_t fill_end = 0;
    if (!rest_.empty()) next_character(rest_, fill_end);
    if (fill_end < rest_.size() && is_alignment(rest_[fill_end])) {
      spec.fill = rest_.substr(0, fill_end);
      has_fill = true;
      spec.alignment = rest_[fill_end];
      rest_.remove_prefix(fill_end + 1);
    } else if (!rest_.empty() && is_alignment(rest_[0])) {
      spec.alignment = take();
    }
    if (starts_with_one_of("+- ")) spec.sign = take();
    if (starts_with_one_of("#")) spec.is_alternate = take() != 0;
    if (!has_fill && starts_with_one_of("0")) {
      take();
      spec.fill.assign(1, '0');
      spec.has_zeros = true;
    }
    spec.width = number();
    if (starts_with_one_of(",_")) spec.grouping = take();
    if (starts_with_one_of(".")) {
      take();
      if (!starts_with_one_of("0123456789")) fail();
      spec.precision = number();
    }
    if (!rest_.empty()) spec.type = take();
    if (!rest_.empty()) fail();
    return spec;
  }

 private:
  bool starts_with_one_of(std::string_view characters) const {
    return !rest_.empty() && characters.find(rest_[0]) != std::string_view::npos;
  }
  char take() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }
  int64_t number() {
    int64_t number = 0;
    while (starts_with_one_of("0123456789")) {
      number = number * 10 + (take() - '0');
      if (number > INT32_MAX) fail();
    }
    return number;
  }
  [[noreturn]] void fail() const { runtime_.fail("found the format '{}', which Python does not have", shown(text_)); }

  Runtime& runtime_;
  std::string_view text_, rest_;
};

class ValueFormatter {
 public:
  ValueFormatter(Runtime& runtime, const Value& value, std::string_view text)
      : runtime_(runtime), value_(value), text_(text), spec_(SpecificationReader(runtime, text).read()) {}

  std::string run() {
    if (value_.is_string()) return string();
    if (!value_.is_number()) {
      if (value_.is_undefined()) fail_undefined(runtime_, value_);
      runtime_.fail("found the format '{}' of '{}', which takes none", shown(text_), type_name(value_));
    }
    const std::string_view real_types = "eEfFgG%";
    const bool has_real_type = spec_.type != 0 && real_types.find(spec_.type) != std::string_view::npos;
    if (value_.is(Kind::real) || has_real_type) return real();
    return integer();
  }

 private:
  [[noreturn]] void fail_type() const {
    runtime_.fail("found the format '{}' of '{}', which has no such format", shown(text_), type_name(value_));
  }

  std::string pad(const std::string& text, char default_alignment) const {
    const size_t n = count_characters(text);
    const auto width = static_cast<size_t>(spec_.width);
    if (width <= n) return text;
    runtime_.expect_room(text.size() + (width - n) * spec_.fill.size());
    const char alignment = spec_.alignment == 0 ? default_alignment : spec_.alignment;
    const size_t n_left = alignment == '<' ? 0 : alignment == '^' ? (width - n) / 2 : width - n;
    std::string out;
    for (size_t i = 0; i < n_left; ++i) out += spec_.fill;
    out += text;
    for (size_t i = n_left; i < width - n; ++i) out += spec_.fill;
    return out;
  }

  std::string string() {
    const bool is_plain = (spec_.type == 0 || spec_.type == 's') && spec_.sign == 0 && !spec_.is_alternate &&
                          spec_.grouping == 0 && spec_.alignment != '=';
    if (!is_plain) fail_type();
    std::string text(value_.text());
    if (spec_.precision >= 0) text.resize(byte_offset(text, static_cast<size_t>(spec_.precision)));
    return pad(text, '<');
  }

  std::string number(NumberText number, bool is_negative, size_t group_size) {
    const char sign_character = is_negative ? '-' : spec_.sign == '-' ? '\0' : spec_.sign;
    if (sign_character != '\0') number.sign.assign(1, sign_character);
    if (spec_.has_zeros && spec_.alignment == 0) spec_.alignment = '=';
    if (spec_.alignment == '=') {
      const size_t taken = number.sign.size() + number.prefix.size();
      if (spec_.fill == "0" && spec_.grouping != 0) {
        while (taken + with_groups(number.digits, spec_.grouping, group_size).size() <
               static_cast<size_t>(spec_.width)) {
          runtime_.step();
          const std::string longer = "0" + number.digits;
          // A separator never comes first.
          number.digits = longer;
        }
        return number.sign + number.prefix + with_groups(number.digits, spec_.grouping, group_size);
      }
      const std::string sign = number.sign + number.prefix;
      std::string digits = spec_.grouping == 0 ? number.digits : with_groups(number.digits, spec_.grouping, group_size);
      spec_.width = std::max<int64_t>(0, spec_.width - static_cast<int64_t>(taken));
      spec_.alignment = '>';
      return sign + pad(digits, '>');
    }
    const std::string digits =
        spec_.grouping == 0 ? number.digits : with_groups(number.digits, spec_.grouping, group_size);
    return pad(number.sign + number.prefix + digits, '>');
  }

  std::string integer() {
    const int64_t value = value_.as_integer();
    if (spec_.precision >= 0) fail_type();
    if (spec_.grouping != 0 && (spec_.type == 'c' || spec_.type == 'n')) fail_type();
    if (spec_.type == 'c') {
      if (spec_.is_alternate || spec_.sign != 0) fail_type();
      return character(value);
    }
    const char type = spec_.type == 0 || spec_.type == 'n' ? 'd' : spec_.type;
    if (std::string_view("dboxX").find(type) == std::string_view::npos) fail_type();
    if (spec_.grouping == ',' && type != 'd') fail_type();
    NumberText text;
    text.digits = integer_digits(value, type);
    if (spec_.is_alternate && type != 'd') text.prefix = std::string("0") + type;
    return number(std::move(text), value < 0, type == 'd' ? 3 : 4);
  }

  std::string character(int64_t codepoint) {
    if (codepoint < 0 || codepoint > 0x10FFFF || (codepoint >= 0xD800 && codepoint <= 0xDFFF)) fail_type();
    std::string text;
    append_utf8(static_cast<char32_t>(codepoint), text);
    return pad(text, '<');
  }

  std::string real() {
    double value = value_.as_double();
    if (spec_.precision > kMaxPrecision) {
      runtime_.fail("found the precision {}, expected at most {}", spec_.precision, kMaxPrecision);
    }
    const int64_t precision = spec_.precision < 0 ? 6 : spec_.precision;
    NumberText text;
    if (spec_.type == 0) {
      text.digits = spec_.precision < 0 ? real_text(std::fabs(value))
                                        : short_digits(std::fabs(value), precision, spec_.is_alternate);
      if (spec_.precision < 0 && spec_.is_alternate) add_point(text.digits);
    } else if (spec_.type == '%') {
      text.digits = real_digits(value * 100, 'f', precision, spec_.is_alternate) + "%";
    } else {
      const char type = spec_.type == 'n' ? 'g' : spec_.type;
      if (spec_.type == 'n' && spec_.grouping != 0) fail_type();
      if (std::string_view("eEfFgG").find(type) == std::string_view::npos) fail_type();
      text.digits = real_digits(value, type, precision, spec_.is_alternate);
    }
    return number(std::move(text), std::signbit(value) && !std::isnan(value), 3);
  }

  // What Python makes of a precision without a type: like g, but never without a point or an exponent.
  static std::string short_digits(double value, int64_t precision, bool is_alternate) {
    if (!std::isfinite(value)) return real_digits(value, 'g', precision, false);
    precision = std::max<int64_t>(1, precision);
    std::string scientific = real_digits(value, 'e', precision - 1, is_alternate);
    const size_t e = scientific.find('e');
    int exponent = 0;
    const size_t digits = e + (scientific[e + 1] == '+' ? 2 : 1);
    std::from_chars(scientific.data() + digits, scientific.data() + scientific.size(), exponent);
    if (exponent < -4 || exponent >= precision - 1) {
      std::string mantissa = scientific.substr(0, e);
      if (!is_alternate) strip_zeros(mantissa);
      return mantissa + scientific.substr(e);
    }
    std::string fixed = real_digits(value, 'f', precision - 1 - exponent, is_alternate);
    if (!is_alternate) strip_zeros(fixed);
    return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
  }

  // '#' wants a point where there is an exponent but none.
  static void add_point(std::string& digits) {
    const size_t e = digits.find('e');
    if (e != std::string::npos && digits.find('.') == std::string::npos)
      digits.insert(digits.begin() + static_cast<std::ptrdiff_t>(e), '.');
  }

  static void strip_zeros(std::string& digits) {
    if (digits.find('.') == std::string::npos) return;
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
  }

  Runtime& runtime_;
  const Value& value_;
  std::string_view text_;
  Specification spec_;
};

}  // namespace

std::string format_value(Runtime& runtime, const Value& value, std::string_view specification) {
  if (specification.empty()) return to_text(runtime, value);
  return ValueFormatter(runtime, value, specification).run();
}

}  // namespace quandex::jinja
