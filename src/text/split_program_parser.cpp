#include <algorithm>

#include "base/utf8.h"
#include "text/split_program.h"

namespace quandex {
namespace {

bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

bool may_be_empty(const SplitNode& node) {
  switch (node.kind) {
    case SplitNode::Kind::run:
      return node.min == 0;
    case SplitNode::Kind::look_ahead:
      return true;
    case SplitNode::Kind::sequence:
      return node.min == 0 || std::ranges::all_of(node.children, may_be_empty);
    default:
      return node.min == 0 || std::ranges::any_of(node.children, may_be_empty);
  }
}

// Reads a pattern as far as it is one of ours: every function says whether it is.
class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  std::optional<ParsedSplit> parse() {
    ParsedSplit parsed;
    if (!is_valid_utf8(pattern_) || !read_alternatives(parsed.root, false) || !pattern_.empty()) return std::nullopt;
    parsed.classes = std::move(classes_);
    return parsed;
  }

 private:
  bool next_is(std::string_view text) const { return pattern_.starts_with(text); }
  bool pass(std::string_view text) {
    if (!next_is(text)) return false;
    pattern_.remove_prefix(text.size());
    return true;
  }
  char32_t take() {
    const DecodedCodepoint character = decode_utf8(pattern_);
    pattern_.remove_prefix(static_cast<size_t>(character.n_bytes));
    return character.value;
  }

  bool read_alternatives(SplitNode& node, bool ignores_case) {
    node.kind = SplitNode::Kind::alternatives;
    do {
      SplitNode& sequence = node.children.emplace_back();
      while (!pattern_.empty() && !next_is("|") && !next_is(")"))
        if (!read_term(sequence.children.emplace_back(), ignores_case)) return false;
    } while (pass("|"));
    return true;
  }

  bool read_term(SplitNode& node, bool ignores_case) {
    if (pass("(?=") || pass("(?!")) {
      node.is_negative = previous() == '!';
      const bool is_read = read_group(node.children.emplace_back(), ignores_case);
      node.kind = SplitNode::Kind::look_ahead;
      return is_read && !is_quantifier();
    }
    if (pass("(?:")) return read_group(node, ignores_case) && read_quantifier(node);
    if (pass("(?i:")) return read_group(node, true) && read_quantifier(node);
    if (next_is("(?") || next_is("(*")) return false;
    if (pass("(")) return read_group(node, ignores_case) && read_quantifier(node);
    node.kind = SplitNode::Kind::run;
    CharClass set;
    if (!read_set(set, ignores_case)) return false;
    set.seal();
    node.char_class = static_cast<int>(classes_.size());
    classes_.push_back(std::move(set));
    return read_quantifier(node);
  }

  char previous() const { return *(pattern_.data() - 1); }

  bool read_group(SplitNode& node, bool ignores_case) {
    constexpr int kMaxDepth = 32;
    if (++depth_ > kMaxDepth || !read_alternatives(node, ignores_case) || !pass(")")) return false;
    --depth_;
    return true;
  }

  bool is_quantifier() const { return next_is("?") || next_is("*") || next_is("+") || next_is("{"); }

  bool read_quantifier(SplitNode& node) {
    const bool is_run = node.kind == SplitNode::Kind::run;
    if (!is_quantifier()) return true;
    if (pass("{")) return is_run && read_bounds(node) && !is_quantifier();
    const char32_t mark = take();
    // Matchers differ in how they leave a loop that goes nowhere.
    if (!is_run && mark != '?' && may_be_empty(node)) return false;
    node.min = mark == '+' ? 1 : 0;
    node.max = mark == '?' ? 1 : SplitNode::kNoMax;
    if (is_run && pass("+")) node.is_possessive = true;
    return !is_quantifier();
  }

  bool read_bounds(SplitNode& node) {
    if (!read_number(node.min)) return false;
    node.max = node.min;
    if (pass(",") && !next_is("}") && !read_number(node.max)) return false;
    if (previous() == ',') node.max = SplitNode::kNoMax;
    return pass("}") && node.min <= node.max;
  }

  bool read_number(uint32_t& number) {
    constexpr uint32_t kMaxNumber = 1000;
    if (pattern_.empty() || !is_digit(static_cast<uint8_t>(pattern_[0]))) return false;
    number = 0;
    while (!pattern_.empty() && is_digit(static_cast<uint8_t>(pattern_[0])) && number <= kMaxNumber)
      number = number * 10 + (take() - '0');
    return number <= kMaxNumber;
  }

  // One character, an escape or a bracket.
  bool read_set(CharClass& set, bool ignores_case) {
    const char32_t c = take();
    if (c == '[') return read_bracket(set, ignores_case);
    if (c == '.') {
      set.add('\n', '\n');
      set.negate();
      return true;
    }
    if (c == '^' || c == '$' || c == '{' || c == '*' || c == '+' || c == '?') return false;
    std::optional<char32_t> single = c;
    if (c == '\\' && !read_escape(set, single, ignores_case)) return false;
    return !single || add_character(set, *single, ignores_case);
  }

  bool read_bracket(CharClass& set, bool ignores_case) {
    const bool is_negated = pass("^");
    if (!read_members(set, ignores_case, 0)) return false;
    if (is_negated) set.negate();
    return true;
  }

  // What brackets hold, up to the closing one. Brackets within them add what they hold.
  bool read_members(CharClass& set, bool ignores_case, int depth) {
    constexpr int kMaxDepth = 8;
    if (next_is("]") || depth > kMaxDepth) return false;
    while (!pass("]")) {
      if (pattern_.empty() || next_is("&&") || next_is("[:") || next_is("[^")) return false;
      if (pass("[")) {
        if (!read_members(set, ignores_case, depth + 1)) return false;
        continue;
      }
      std::optional<char32_t> first = take();
      if (first == U'\\' && !read_escape(set, first, ignores_case)) return false;
      if (!next_is("-") || next_is("-]")) {
        if (first && !add_character(set, *first, ignores_case)) return false;
        continue;
      }
      if (!first || !pass("-") || !read_range(set, *first, ignores_case)) return false;
    }
    return true;
  }

  // A range behind its first character and the dash.
  bool read_range(CharClass& set, char32_t first, bool ignores_case) {
    if (pattern_.empty() || next_is("[")) return false;
    std::optional<char32_t> last = take();
    if (last == U'\\' && !read_escape(set, last, ignores_case)) return false;
    if (!last || *last < first || ignores_case) return false;
    set.add(first, *last);
    return true;
  }

  bool add_character(CharClass& set, char32_t c, bool ignores_case) {
    set.add(c, c);
    if (!ignores_case) return true;
    if (c >= 0x80) return false;
    if (!is_letter(c)) return true;
    set.add(c ^ 0x20, c ^ 0x20);
    if ((c | 0x20) == 's') set.add(0x17F, 0x17F);    // the long s
    if ((c | 0x20) == 'k') set.add(0x212A, 0x212A);  // the sign of Kelvin
    return true;
  }

  // An escape behind its backslash: a single character, or several, which are added to the set.
  bool read_escape(CharClass& set, std::optional<char32_t>& single, bool ignores_case) {
    if (pattern_.empty()) return false;
    const char32_t c = take();
    single.reset();
    switch (c) {
      case 'r':
        single = '\r';
        return true;
      case 'n':
        single = '\n';
        return true;
      case 't':
        single = '\t';
        return true;
      case 'x':
      case 'u':
        return read_hexadecimal(c, single);
      case 's':
        set.add_white_space();
        return true;
      case 'S':
        set.add_all_but_white_space();
        return true;
      case 'd':
      case 'D':
        set.add_categories(c == 'd' ? categories_of("Nd") : ~categories_of("Nd"));
        return true;
      case 'p':
      case 'P':
        return read_property(set, c == 'P', ignores_case);
      default:
        if (is_letter(c) || is_digit(c)) return false;
        single = c;
        return true;
    }
  }

  // \xHH, \x{H…} or \uHHHH.
  bool read_hexadecimal(char32_t kind, std::optional<char32_t>& single) {
    const bool is_braced = kind == 'x' && pass("{");
    const size_t length = is_braced ? pattern_.find('}') : kind == 'x' ? 2 : 4;
    if (length > pattern_.size() || length == 0 || length > 6) return false;
    char32_t value = 0;
    for (size_t i = 0; i < length; ++i) {
      const char32_t digit = take();
      if (is_digit(digit))
        value = value * 16 + (digit - '0');
      else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
        value = value * 16 + ((digit | 0x20) - 'a' + 10);
      else
        return false;
    }
    single = value;
    return (!is_braced || pass("}")) && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  }

  bool read_property(CharClass& set, bool is_negated, bool ignores_case) {
    const bool is_braced = pass("{");
    const size_t length = is_braced ? pattern_.find('}') : 1;
    if (length > pattern_.size()) return false;
    const std::string_view name = pattern_.substr(0, length);
    pattern_.remove_prefix(length);
    if (is_braced) pass("}");
    const uint32_t categories = categories_of(name);
    // Letters of one case stand for both where case is ignored.
    if (categories == 0 || (ignores_case && name.size() > 1 && name[0] == 'L')) return false;
    set.add_categories(is_negated ? ~categories : categories);
    return true;
  }

  std::string_view pattern_;  // what is left of it
  std::vector<CharClass> classes_;
  int depth_ = 0;  // of groups
};

}  // namespace

std::optional<ParsedSplit> parse_split_pattern(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace quandex
