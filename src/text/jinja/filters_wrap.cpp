#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "text/jinja/filter_functions.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/jinja/string_classes.h"

namespace quandex::jinja::filter {
namespace {

using Characters = std::u32string;

bool is_wrap_space(char32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word_character(char32_t c) { return c == '_' || is_alphanumeric(c); }
bool is_letter(char32_t c) { return is_word_character(c) && !is_decimal(c); }
bool is_word_punctuation(char32_t c) {
  return is_word_character(c) || std::u32string_view(U"!\"'&.,?").find(c) != std::u32string_view::npos;
}

// Cuts a line where it may be wrapped, by the rules of Python's textwrap.
class ChunkCutter {
 public:
  ChunkCutter(const Characters& text, bool breaks_hyphens) : text_(text), breaks_hyphens_(breaks_hyphens) {}

  std::vector<Characters> cut() {
    std::vector<Characters> chunks;
    for (size_t at = 0; at < text_.size();) {
      const size_t end = is_wrap_space(text_[at]) ? spaces_end(at) : breaks_hyphens_ ? chunk_end(at) : word_end(at);
      chunks.push_back(text_.substr(at, end - at));
      at = end;
    }
    return chunks;
  }

 private:
  bool is(size_t at, bool (*claim)(char32_t)) const { return at < text_.size() && claim(text_[at]); }
  bool is(size_t at, char32_t c) const { return at < text_.size() && text_[at] == c; }

  size_t spaces_end(size_t at) const {
    while (is(at, is_wrap_space)) ++at;
    return at;
  }
  size_t word_end(size_t at) const {
    while (at < text_.size() && !is_wrap_space(text_[at])) ++at;
    return at;
  }
  size_t dashes_end(size_t at) const {
    while (is(at, U'-')) ++at;
    return at;
  }
  // Two or more dashes at `at` that a word follows.
  bool is_em_dash(size_t at) const {
    const size_t end = dashes_end(at);
    return end - at >= 2 && is(end, is_word_character);
  }
  // A word may be cut after the hyphen at `at`.
  bool is_hyphen_of_word(size_t at) const {
    const bool follows =
        (at >= 2 && is_letter(text_[at - 1]) && is_letter(text_[at - 2])) ||
        (at >= 3 && is_word_punctuation(text_[at - 1]) && text_[at - 2] == U'-' && is_letter(text_[at - 3]));
    if (!follows || !is(at, U'-')) return false;
    const size_t next = at + 1;
    return is(next, is_letter) && (is(next + 1, is_letter) || (is(next + 1, U'-') && is(next + 2, is_letter)));
  }
  size_t chunk_end(size_t begin) const {
    if (begin > 0 && is_word_punctuation(text_[begin - 1]) && is_em_dash(begin)) return dashes_end(begin);
    for (size_t end = begin + 1;; ++end) {
      if (is_hyphen_of_word(end)) return end + 1;
      if (end >= text_.size() || is_wrap_space(text_[end])) return end;
      if (is_word_punctuation(text_[end - 1]) && is_em_dash(end)) return end;
    }
  }

  const Characters& text_;
  const bool breaks_hyphens_;
};

struct WrapStyle {
  size_t width = 79;
  bool breaks_words = true;
  bool breaks_hyphens = true;
};

// Puts chunks on lines; the chunks are taken from the back.
class Wrapper {
 public:
  Wrapper(Runtime& runtime, const WrapStyle& style, std::vector<Characters> chunks)
      : runtime_(runtime), style_(style), chunks_(std::move(chunks)) {
    std::reverse(chunks_.begin(), chunks_.end());
  }

  std::vector<Characters> run() {
    std::vector<Characters> lines;
    while (!chunks_.empty()) {
      runtime_.step();
      if (!lines.empty() && is_blank(chunks_.back())) chunks_.pop_back();
      std::vector<Characters> line = next_line();
      if (!line.empty() && is_blank(line.back())) line.pop_back();
      if (line.empty()) continue;
      Characters joined;
      for (const Characters& chunk : line) joined += chunk;
      lines.push_back(std::move(joined));
    }
    return lines;
  }

 private:
  static bool is_blank(const Characters& chunk) { return std::all_of(chunk.begin(), chunk.end(), is_space); }

  std::vector<Characters> next_line() {
    std::vector<Characters> line;
    size_t n_taken = 0;
    while (!chunks_.empty() && n_taken + chunks_.back().size() <= style_.width) {
      n_taken += chunks_.back().size();
      line.push_back(std::move(chunks_.back()));
      chunks_.pop_back();
    }
    if (!chunks_.empty() && chunks_.back().size() > style_.width) take_long_word(line, style_.width - n_taken);
    return line;
  }

  void take_long_word(std::vector<Characters>& line, size_t space_left) {
    if (style_.breaks_words) {
      Characters& chunk = chunks_.back();
      size_t end = space_left;
      if (style_.breaks_hyphens && chunk.size() > space_left) {
        const size_t hyphen = space_left == 0 ? Characters::npos : chunk.rfind(U'-', space_left - 1);
        const bool is_within = hyphen != Characters::npos && hyphen > 0 && chunk.find_first_not_of(U'-') < hyphen;
        if (is_within) end = hyphen + 1;
      }
      runtime_.step_over_bytes(chunk.size() * sizeof(char32_t));
      line.push_back(chunk.substr(0, end));
      chunk.erase(0, end);
    } else if (line.empty()) {
      line.push_back(std::move(chunks_.back()));
      chunks_.pop_back();
    }
  }

  Runtime& runtime_;
  const WrapStyle& style_;
  std::vector<Characters> chunks_;
};

Characters decode(std::string_view text) {
  Characters characters;
  for (size_t i = 0; i < text.size();) characters += next_character(text, i);
  return characters;
}

}  // namespace

Value wordwrap(Runtime& runtime, const Value& operand, const Arguments& arguments) {
  const BoundArguments bound(runtime, "wordwrap", arguments,
                             {"width", "break_long_words", "wrapstring", "break_on_hyphens"}, 0);
  if (operand.is_undefined()) fail_undefined(runtime, operand);
  if (!operand.is_string()) runtime.fail("found '{}', expected a string to wrap", type_name(operand));
  const int64_t width = bound.integer(0, 79);
  WrapStyle style{static_cast<size_t>(std::max<int64_t>(1, width)), bound.is_true(1, true), bound.is_true(3, true)};
  const std::string line_break = bound.has_some(2) ? to_text(runtime, bound.get(2)) : "\n";
  // A chunk of one character takes about as much as 64 of them.
  runtime.expect_room(operand.text().size() * 64);
  TextBuilder out(runtime);
  bool is_first = true;
  for (const std::string_view line : split_lines(operand.text(), false)) {
    if (!is_first) out.append(line_break);
    is_first = false;
    if (width <= 0) runtime.fail("found the width {} of wordwrap, expected at least 1", width);
    bool is_first_part = true;
    for (const Characters& part :
         Wrapper(runtime, style, ChunkCutter(decode(line), style.breaks_hyphens).cut()).run()) {
      if (!is_first_part) out.append(line_break);
      is_first_part = false;
      std::string text;
      for (const char32_t c : part) append_utf8(c, text);
      out.append(text);
    }
  }
  return out.finish();
}

}  // namespace quandex::jinja::filter
