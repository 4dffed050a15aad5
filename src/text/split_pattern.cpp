#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split_pattern.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/shown.h"
#include "base/utf8.h"
#include "text/split_program.h"

namespace quandex {
namespace {

// Unicode's White_Space property, and all else. PCRE2's own \s also takes U+180E, which has not been a space since
// Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNoWhiteSpace =
    R"(\x00-\x08\x0E-\x1F\x21-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E})"
    R"(\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
// What Oniguruma takes for part of a word; PCRE2 takes letters, numbers and the underscore. Outside brackets, and for
// \b, it asks a table of Latin-1 that has superscript digits and fractions too.
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kLoneWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

// Spells out what PCRE2 reads otherwise: \s, \w and their negations, \u, brackets within brackets.
class Spelling {
 public:
  Spelling(std::string_view pattern, std::string_view source) : pattern_(pattern), source_(source) {}

  std::string spell() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\' && at_ + 1 < pattern_.size())
        escape();
      else if (depth_ > 0)
        in_brackets();
      else
        outside();
    }
    return std::move(out_);
  }

 private:
  bool next_is(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  void outside() {
    for (const std::string_view lacking : {"(?m", "(?s", "(?x"})
      if (next_is(lacking)) refuse(lacking);
    if (next_is("^") || next_is("$")) {  // of every line
      out_.append("(?m:").append(1, pattern_[at_++]).append(")");
      return;
    }
    if (next_is("[")) {
      depth_ = 1;
      out_.push_back(pattern_[at_++]);
      if (next_is("^")) out_.push_back(pattern_[at_++]);
      if (next_is("]")) refuse("empty brackets");
      return;
    }
    out_.push_back(pattern_[at_++]);
  }

  void in_brackets() {
    for (const std::string_view lacking : {"&&", "[:", "[^", "[]"})
      if (next_is(lacking)) refuse(fmt::format("{} inside brackets", lacking));
    const char c = pattern_[at_++];
    if (c == '[') ++depth_;
    if (c == ']') --depth_;
    // Brackets within add what they hold.
    if ((c != '[' && c != ']') || depth_ == 0) out_.push_back(c);
  }

  void escape() {
    const char escaped = pattern_[at_ + 1];
    const bool is_inside = depth_ > 0;
    switch (escaped) {
      case 's':
      case 'S':
        bracketed(escaped == 's' ? kWhiteSpace : kNoWhiteSpace);
        break;
      case 'w':
        bracketed(is_inside ? kWord : kLoneWord);
        break;
      case 'W':
        if (is_inside) refuse("\\W inside brackets");
        out_.append("[^").append(kLoneWord).append("]");
        break;
      case 'b':
      case 'B':
        if (!is_inside) return word_boundary(escaped == 'b');
        out_.append(pattern_.substr(at_, 2));
        break;
      case 'u':
        return four_digits();
      case 'p':
      case 'P':
        return property();
      case 'h':
      case 'H':
      case 'v':
      case 'V':
      case 'R':
      case 'X':
      case 'K':
      case 'G':
      case 'Q':
      case 'E':
      case 'N':
      case 'O':
        refuse(pattern_.substr(at_, 2));
      default:
        out_.append(pattern_.substr(at_, 2));
    }
    at_ += 2;
  }

  void bracketed(std::string_view set) {
    if (depth_ > 0)
      out_.append(set);
    else
      out_.append("[").append(set).append("]");
  }

  void word_boundary(bool is_one) {
    at_ += 2;
    // Of the characters in front and behind, one is part of a word, or both or neither.
    out_ += fmt::format("(?:(?<=[{0}])(?{1}[{0}])|(?<![{0}])(?{2}[{0}]))", kLoneWord, is_one ? "!" : "=",
                        is_one ? "=" : "!");
  }

  // \p{…}: a name is a general category of one or two letters, or a script. To PCRE2 a bare script takes in characters
  // that are of several.
  void property() {
    const size_t end = pattern_.find('}', at_);
    if (!pattern_.substr(at_ + 2).starts_with("{") || end == pattern_.npos) {
      out_.append(pattern_.substr(at_, 2));
      at_ += 2;
      return;
    }
    std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const bool is_negated = name.starts_with('^');
    if (is_negated) name.remove_prefix(1);
    out_.append(pattern_.substr(at_, 2)).append(is_negated ? "{^" : "{");
    if (name.size() > 2) out_.append("sc:");
    out_.append(name).append("}");
    at_ = end + 1;
  }

  // \uHHHH
  void four_digits() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() < 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      refuse("\\u without four hexadecimal digits");
    out_.append("\\x{").append(digits).append("}");
    at_ += 6;
  }

  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(ErrorCode::unsupported, "{}: the pattern '{}' is not supported: it has {} at byte {}", source_,
                shown(pattern_), what, at_);
  }

  std::string_view pattern_, source_;
  std::string out_;
  size_t at_ = 0;
  int depth_ = 0;  // of brackets
};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

// What a text may cost. Patterns that go through a text some times pass; exponential and quadratic ones do not.
uint64_t max_steps(size_t n_bytes) {
  constexpr uint64_t kAtLeast = 10'000'000, kPerByte = 64;
  return kAtLeast + kPerByte * n_bytes;
}
// Calls of PCRE2 that take no more than this are not counted.
constexpr uint32_t kFreeSteps = 1000;
constexpr uint32_t kMaxHeapKiB = uint32_t{1} << 20;

}  // namespace

struct SplitPattern::Compiled {
  std::string pattern, source;
  std::optional<SplitProgram> program;
  std::unique_ptr<pcre2_code, FreeCode> code;  // null: there is a program
  bool has_jit = false;

  void compile_for_pcre2();
};

// The state of matching, which belongs to one thread.
class SplitPattern::Search {
 public:
  Search(const Compiled& compiled, std::string_view text) : compiled_(compiled), text_(text) {
    scratch_.max_steps = max_steps(text.size());
    if (compiled.program) return;
    data_.reset(pcre2_match_data_create(1, nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    if (data_ == nullptr || context_ == nullptr)
      throw Error(ErrorCode::out_of_memory, "{}: no memory to match '{}'", compiled.source, shown(compiled.pattern));
    pcre2_set_depth_limit(context_.get(), std::numeric_limits<uint32_t>::max());
    pcre2_set_heap_limit(context_.get(), kMaxHeapKiB);
  }

  std::optional<Match> find(size_t from) {
    if (!compiled_.program) return find_by_pcre2(from);
    SplitProgram::Match match{};
    const auto outcome = compiled_.program->find(text_, from, scratch_, match);
    if (outcome == SplitProgram::Outcome::too_many_steps) refuse(ErrorCode::unsupported, from, "too many steps");
    if (outcome == SplitProgram::Outcome::not_found) return std::nullopt;
    return Match{match.begin, match.end};
  }

 private:
  std::optional<Match> find_by_pcre2(size_t from) {
    int found = call_pcre2(from, kFreeSteps);
    // PCRE2 does not say how much of a limit it has used, so the limit grows and what was granted counts.
    for (uint64_t steps = 64 * uint64_t{kFreeSteps}; found == PCRE2_ERROR_MATCHLIMIT; steps *= 64) {
      const uint64_t left = scratch_.max_steps - scratch_.n_steps;
      if (left == 0) break;
      const auto granted =
          static_cast<uint32_t>(std::min({steps, left, uint64_t{std::numeric_limits<uint32_t>::max()}}));
      scratch_.n_steps += granted;
      found = call_pcre2(from, granted);
    }
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found < 0) {
      const bool is_memory = found == PCRE2_ERROR_NOMEMORY || found == PCRE2_ERROR_HEAPLIMIT;
      refuse(is_memory ? ErrorCode::out_of_memory : ErrorCode::unsupported, from, message_of(found));
    }
    const size_t* const bounds = pcre2_get_ovector_pointer(data_.get());
    return Match{bounds[0], bounds[1]};
  }

  int call_pcre2(size_t from, uint32_t limit) {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
    const pcre2_code* const code = compiled_.code.get();
    pcre2_set_match_limit(context_.get(), limit);
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (compiled_.has_jit) found = pcre2_jit_match(code, subject, text_.size(), from, 0, data_.get(), context_.get());
    // Compiled code has a small fixed stack; the interpreter takes what it needs from the heap.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code, subject, text_.size(), from, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, data_.get(),
                          context_.get());
    return found;
  }

  [[noreturn]] void refuse(ErrorCode code, size_t from, std::string_view message) const {
    throw Error(code, "{}: matching '{}' failed at byte {} of {}: {}", compiled_.source, shown(compiled_.pattern), from,
                text_.size(), message);
  }

  const Compiled& compiled_;
  std::string_view text_;
  SplitProgram::Scratch scratch_;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data_;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context_;
};

void SplitPattern::Compiled::compile_for_pcre2() {
  const std::string spelled = Spelling(pattern, source).spell();
  int error = 0;
  size_t where = 0;
  code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                           PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr));
  if (code == nullptr)
    throw Error(ErrorCode::unsupported, "{}: the pattern '{}' is not supported: {} at byte {} of '{}'", source,
                shown(pattern), message_of(error), where, shown(spelled));
  has_jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
}

SplitPattern::SplitPattern(std::string_view pattern, std::string_view source, Matcher matcher) {
  auto compiled = std::make_unique<Compiled>();
  compiled->pattern = pattern;
  compiled->source = source;
  if (matcher == Matcher::fastest)
    if (auto parsed = parse_split_pattern(pattern)) compiled->program.emplace(*std::move(parsed));
  if (!compiled->program) compiled->compile_for_pcre2();
  compiled_ = std::move(compiled);
}
bool SplitPattern::uses_pcre2() const { return !compiled_->program; }
SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern::~SplitPattern() = default;

std::optional<SplitPattern::Match> SplitPattern::find(std::string_view text, size_t from) const {
  return Search(*compiled_, text).find(from);
}

void SplitPattern::for_each(std::string_view text, FunctionRef<void(Match)> visit) const {
  Search search(*compiled_, text);
  size_t from = 0;
  std::optional<size_t> end_of_last;
  while (from <= text.size()) {
    const auto match = search.find(from);
    if (!match) return;
    from = match->end;
    if (match->begin == match->end && end_of_last == match->end) {
      if (from == text.size()) return;
      from += static_cast<size_t>(decode_utf8(text.substr(from)).n_bytes);
      continue;
    }
    end_of_last = match->end;
    visit(*match);
  }
}

}  // namespace quandex
