#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/shown.h"
#include "base/utf8.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_literal.h"

namespace quandex::jinja {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

// The longest first, so that the first match is the one.
constexpr std::array<std::string_view, 26> kSymbols = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                       "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                       ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

// \n for every \r\n and \r, without one newline at the end.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view name) : text_(normalize_newlines(source)), name_(name) {}

  std::vector<Token> run() {
    check_encoding();
    while (at_ < text_.size()) lex_data();
    add(TokenType::end, at_);
    return std::move(tokens_);
  }

 private:
  enum class Sign : uint8_t { none, minus, plus };

  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  char byte(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  // Positions are asked for in rising order, so that one walk over the text finds them all.
  Position position(size_t offset) {
    if (offset < counted_) counted_ = 0, counted_position_ = {};
    for (; counted_ < offset; ++counted_) {
      if (text_[counted_] == '\n') {
        ++counted_position_.line;
        counted_position_.column = 1;
      } else if ((static_cast<unsigned char>(text_[counted_]) & 0xC0) != 0x80) {
        ++counted_position_.column;
      }
    }
    return counted_position_;
  }

  [[noreturn]] void fail(size_t offset, std::string_view message) {
    throw_at(ErrorCode::invalid_file, name_, position(offset), message);
  }

  void check_encoding() {
    for (size_t i = 0; i < text_.size();) {
      const DecodedCodepoint c = decode_utf8(std::string_view(text_).substr(i));
      if (!c.is_valid) {
        fail(i, fmt::format("found byte 0x{:02X}, expected valid UTF-8", static_cast<unsigned char>(text_[i])));
      }
      i += static_cast<size_t>(c.n_bytes);
    }
  }

  Token& add(TokenType type, size_t offset, std::string text = {}) {
    Token& token = tokens_.emplace_back();
    token.type = type;
    token.text = std::move(text);
    token.at = position(offset);
    return token;
  }

  size_t skip_spaces(size_t from) const {
    while (from < text_.size()) {
      size_t next = from;
      if (!is_space(next_character(text_, next))) break;
      from = next;
    }
    return from;
  }

  Sign sign_at(size_t offset) const {
    return byte(offset) == '-' ? Sign::minus : byte(offset) == '+' ? Sign::plus : Sign::none;
  }

  // Text up to the next tag, and the tag.
  void lex_data() {
    const size_t begin = at_;
    size_t tag = begin;
    while (true) {
      tag = text_.find('{', tag);
      if (tag == std::string::npos) {
        add_data(begin, std::string_view(text_).substr(begin));
        at_ = text_.size();
        return;
      }
      const char kind = byte(tag + 1);
      if (kind == '%' || kind == '{' || kind == '#') break;
      ++tag;
    }
    const char kind = byte(tag + 1);
    const Sign sign = sign_at(tag + 2);
    add_data(begin, cut_before_tag(begin, tag, sign, kind != '{'));
    at_ = tag + (sign == Sign::none ? 2 : 3);
    if (kind == '#') return lex_comment(tag);
    if (kind == '%') {
      if (const auto end = raw_tag_end(at_, "raw", false)) return lex_raw(tag, *end);
    }
    lex_tag(tag, kind == '%');
  }

  void add_data(size_t offset, std::string_view data) {
    if (!data.empty()) add(TokenType::data, offset, std::string(data));
  }

  // The text before a tag as the tag's sign and lstrip_blocks leave it.
  std::string_view cut_before_tag(size_t begin, size_t tag, Sign sign, bool may_lstrip) const {
    const std::string_view data = std::string_view(text_).substr(begin, tag - begin);
    if (sign == Sign::minus) return strip_spaces(data, Side::right);
    if (sign == Sign::plus || !may_lstrip) return data;
    const size_t line = data.find_last_of('\n') + 1;  // npos + 1 is 0
    if (line == 0 && !is_line_start_) return data;
    return strip_spaces(data.substr(line), Side::both).empty() ? data.substr(0, line) : data;
  }

  // Past the end of a tag or comment whose closing characters are at `end`: with '-' all whitespace after it goes, with
  // none of the signs one newline does where the tag is a block or a comment.
  void close(size_t end, Sign sign, bool trims_newline) {
    at_ = end;
    if (sign == Sign::minus) {
      at_ = skip_spaces(end);
    } else if (sign == Sign::none && trims_newline && byte(end) == '\n') {
      ++at_;
    }
    is_line_start_ = text_[at_ - 1] == '\n';
  }

  void lex_comment(size_t tag) {
    const size_t end = text_.find("#}", at_);
    if (end == std::string::npos) fail(tag, "found no '#}' after this '{#', expected the end of the comment");
    const Sign sign = end > at_ ? sign_at(end - 1) : Sign::none;
    close(end + 2, sign, true);
  }

  // Where a raw or endraw tag ends whose name may begin at `from`, or nothing where there is another tag.
  std::optional<size_t> raw_tag_end(size_t from, std::string_view tag_name, bool may_have_plus) const {
    size_t i = skip_spaces(from);
    if (text_.compare(i, tag_name.size(), tag_name) != 0) return std::nullopt;
    i = skip_spaces(i + tag_name.size());
    if (byte(i) == '-' || (may_have_plus && byte(i) == '+')) ++i;
    if (text_.compare(i, 2, "%}") != 0) return std::nullopt;
    return i + 2;
  }

  void lex_raw(size_t tag, size_t body) {
    at_ = body;
    close(body, byte(body - 3) == '-' ? Sign::minus : Sign::none, false);
    const size_t begin = at_;
    for (size_t i = begin; (i = text_.find("{%", i)) != std::string::npos; i += 2) {
      const Sign sign = sign_at(i + 2);
      const auto end = raw_tag_end(i + (sign == Sign::none ? 2 : 3), "endraw", true);
      if (!end) continue;
      add_data(begin, cut_before_tag(begin, i, sign, true));
      const char before_close = byte(*end - 3);
      close(*end, before_close == '-' ? Sign::minus : before_close == '+' ? Sign::plus : Sign::none, true);
      return;
    }
    fail(tag, "found no {% endraw %} after this {% raw %}, expected the end of the block");
  }

  void lex_tag(size_t tag, bool is_block) {
    add(is_block ? TokenType::block_begin : TokenType::variable_begin, tag);
    const std::string_view closing = is_block ? "%}" : "}}";
    while (true) {
      at_ = skip_spaces(at_);
      if (at_ >= text_.size()) {
        fail(tag, fmt::format("found no '{}' after this '{}', expected the end of the tag", closing,
                              is_block ? "{%" : "{{"));
      }
      if (open_brackets_.empty()) {
        const Sign sign = sign_at(at_);
        const bool has_sign = sign == Sign::minus || (is_block && sign == Sign::plus);
        const size_t end = at_ + (has_sign ? 1 : 0);
        if (text_.compare(end, 2, closing) == 0) {
          add(is_block ? TokenType::block_end : TokenType::variable_end, at_);
          close(end + 2, has_sign ? sign : Sign::none, is_block);
          return;
        }
      }
      lex_expression_token();
    }
  }

  void lex_expression_token() {
    const char c = byte(at_);
    if (is_ascii_digit(c)) return lex_number();
    if (c == '\'' || c == '"') return lex_string(c);
    size_t next = at_;
    if (is_identifier_part(next_character(text_, next))) return lex_name();
    for (const std::string_view symbol : kSymbols) {
      if (rest().starts_with(symbol)) return lex_symbol(symbol);
    }
    fail(at_, fmt::format("found '{}', expected a part of an expression", shown(rest().substr(0, next - at_))));
  }

  void lex_name() {
    const size_t begin = at_;
    size_t next = at_;
    if (!is_identifier_start(next_character(text_, next))) {
      fail(begin, fmt::format("found '{}', expected a name", shown(rest().substr(0, next - at_))));
    }
    for (size_t end = next; end < text_.size() && is_identifier_part(next_character(text_, end));) next = end;
    add(TokenType::name, begin, text_.substr(begin, next - begin));
    at_ = next;
  }

  void lex_symbol(std::string_view symbol) {
    const char c = symbol[0];
    if (c == '(' || c == '[' || c == '{') open_brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open_brackets_.empty()) fail(at_, fmt::format("found '{}' without its opening bracket", c));
      const char expected = open_brackets_.back();
      if (expected != c) fail(at_, fmt::format("found '{}', expected '{}'", c, expected));
      open_brackets_.pop_back();
    }
    add(TokenType::symbol, at_, std::string(symbol));
    at_ += symbol.size();
  }

  void lex_string(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) fail(at_, fmt::format("found no {} that ends this string", quote));
    std::string value;
    const auto defect = unescape(std::string_view(text_).substr(at_ + 1, end - at_ - 1), value);
    if (defect) throw_at(defect->code, name_, position(at_ + 1 + defect->offset), defect->message);
    add(TokenType::string, at_, std::move(value));
    at_ = end + 1;
  }

  // Past digits from `from`, single underscores between them allowed; `from` itself where there are none.
  size_t skip_digits(size_t from, int base) const {
    const auto is_in_base = [&](char c) {
      const char lower = static_cast<char>(c | 0x20);
      const int digit = is_ascii_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
      return digit < base;
    };
    if (!is_in_base(byte(from))) return from;
    while (is_in_base(byte(from)) || (byte(from) == '_' && is_in_base(byte(from + 1)))) ++from;
    return from;
  }

  // Past a literal with a point or an exponent, or `at_` where there is none.
  size_t real_end() const {
    if (at_ > 0 && byte(at_ - 1) == '.') return at_;  // x.0.1 is two subscripts
    size_t end = skip_digits(at_, 10);
    bool is_real = false;
    if (byte(end) == '.' && is_ascii_digit(byte(end + 1))) {
      end = skip_digits(end + 1, 10);
      is_real = true;
    }
    if ((byte(end) | 0x20) == 'e') {
      const size_t digits = end + (byte(end + 1) == '+' || byte(end + 1) == '-' ? 2 : 1);
      if (is_ascii_digit(byte(digits))) return skip_digits(digits, 10);
    }
    return is_real ? end : at_;
  }

  void lex_number() {
    const size_t begin = at_;
    const auto digits_of = [&](size_t from, size_t end) {
      std::string digits = text_.substr(from, end - from);
      std::erase(digits, '_');
      return digits;
    };
    if (const size_t end = real_end(); end != begin) {
      const std::string digits = digits_of(begin, end);
      Token& token = add(TokenType::real, begin);
      const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), token.real);
      if (result.ec != std::errc()) token.real = out_of_range_real(digits);
      at_ = end;
      return;
    }
    const auto [from, base] = integer_digits(begin);
    const size_t end = byte(begin) == '0' && base == 10 ? skip_zeros(begin) : skip_digits(from, base);
    const std::string digits = digits_of(from, end);
    Token& token = add(TokenType::integer, begin);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
    if (result.ec != std::errc()) {
      fail(begin, fmt::format("found the integer {}, expected one of at most 64 bits", shown(digits)));
    }
    at_ = end;
  }

  // An exponent beyond the range of double: infinity, or 0.
  static double out_of_range_real(const std::string& digits) {
    const bool is_small = digits.find("e-") != std::string::npos || digits.find("E-") != std::string::npos;
    return is_small ? 0.0 : std::numeric_limits<double>::infinity();
  }

  size_t skip_zeros(size_t from) const {
    while (byte(from) == '0' || (byte(from) == '_' && byte(from + 1) == '0')) ++from;
    return from;
  }

  // Where the digits of the integer at `begin` start, and their base; a prefix without digits is no prefix.
  std::pair<size_t, int> integer_digits(size_t begin) const {
    if (byte(begin) != '0') return {begin, 10};
    const char prefix = static_cast<char>(byte(begin + 1) | 0x20);
    const int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
    if (base == 10) return {begin, 10};
    const size_t digits = begin + (byte(begin + 2) == '_' ? 3 : 2);
    return skip_digits(digits, base) == digits ? std::pair{begin, 10} : std::pair{digits, base};
  }

  const std::string text_;
  const std::string_view name_;
  size_t at_ = 0;
  bool is_line_start_ = true;
  std::string open_brackets_;  // the closing brackets that are due, the last first
  std::vector<Token> tokens_;
  size_t counted_ = 0;  // bytes that counted_position_ is past
  Position counted_position_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::string_view name) { return Lexer(source, name).run(); }

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::data:
      return "text";
    case TokenType::block_begin:
      return "'{%'";
    case TokenType::block_end:
      return "'%}'";
    case TokenType::variable_begin:
      return "'{{'";
    case TokenType::variable_end:
      return "'}}'";
    case TokenType::name:
      return fmt::format("the name '{}'", shown(token.text));
    case TokenType::string:
      return "a string";
    case TokenType::integer:
    case TokenType::real:
      return "a number";
    case TokenType::symbol:
      return fmt::format("'{}'", token.text);
    case TokenType::end:
      break;
  }
  return "the end of the template";
}

}  // namespace quandex::jinja
