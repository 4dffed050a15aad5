#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split_pattern.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/shown.h"
#include "base/utf8.h"

namespace quandex {
namespace {

// Unicode's White_Space property, and all else. PCRE2's own \s also takes U+180E, which has not been a space since
// Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNoWhiteSpace =
    R"(\x00-\x08\x0E-\x1F\x21-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E})"
    R"(\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
// What Oniguruma takes for part of a word; PCRE2 takes letters, numbers and the underscore.
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

// Spells out \s, \w and their negations.
class Spelling {
 public:
  Spelling(std::string_view pattern, std::string_view source) : pattern_(pattern), source_(source) {}

  std::string spell() {
    for (size_t i = 0; i < pattern_.size(); ++i) {
      const char c = pattern_[i];
      if (c == '\\' && i + 1 < pattern_.size()) {
        escape(i++);
        continue;
      }
      if (c == '[' && !is_in_class_) is_in_class_ = true;
      if (c == ']') is_in_class_ = false;
      out_.push_back(c);
    }
    return std::move(out_);
  }

 private:
  void escape(size_t at) {
    const char escaped = pattern_[at + 1];
    if (escaped == 's' || escaped == 'S') {
      bracketed(escaped == 's' ? kWhiteSpace : kNoWhiteSpace);
    } else if (escaped == 'w') {
      bracketed(kWord);
    } else if (escaped == 'W' && !is_in_class_) {
      out_.append("[^").append(kWord).append("]");
    } else if (escaped == 'W') {
      throw Error(ErrorCode::unsupported, "{}: the pattern '{}' has \\W inside brackets, which is not supported",
                  source_, shown(pattern_));
    } else {
      out_.append(pattern_.substr(at, 2));
    }
  }

  void bracketed(std::string_view set) {
    if (is_in_class_)
      out_.append(set);
    else
      out_.append("[").append(set).append("]");
  }

  std::string_view pattern_, source_;
  std::string out_;
  bool is_in_class_ = false;
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

// What one call of find() may cost. Patterns that go through a text a few times pass; exponential ones do not.
uint32_t max_steps(size_t n_bytes) {
  constexpr uint64_t kAtLeast = 10'000'000, kPerByte = 16;
  return static_cast<uint32_t>(std::min<uint64_t>(kAtLeast + kPerByte * n_bytes, std::numeric_limits<uint32_t>::max()));
}
constexpr uint32_t kMaxHeapKiB = uint32_t{1} << 20;

}  // namespace

struct SplitPattern::Compiled {
  std::string pattern, source;
  std::unique_ptr<pcre2_code, FreeCode> code;
  bool has_jit = false;
};

// The state of matching, which belongs to one thread.
class SplitPattern::Search {
 public:
  Search(const Compiled& compiled, std::string_view text)
      : compiled_(compiled),
        text_(text),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    if (data_ == nullptr || context_ == nullptr)
      throw Error(ErrorCode::out_of_memory, "{}: no memory to match '{}'", compiled.source, shown(compiled.pattern));
    pcre2_set_match_limit(context_.get(), max_steps(text.size()));
    pcre2_set_depth_limit(context_.get(), std::numeric_limits<uint32_t>::max());
    pcre2_set_heap_limit(context_.get(), kMaxHeapKiB);
  }

  std::optional<Match> find(size_t from) {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
    const pcre2_code* const code = compiled_.code.get();
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (compiled_.has_jit) found = pcre2_jit_match(code, subject, text_.size(), from, 0, data_.get(), context_.get());
    // Compiled code has a small fixed stack; the interpreter takes what it needs from the heap.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code, subject, text_.size(), from, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, data_.get(),
                          context_.get());
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found < 0) refuse(found, from);
    const size_t* const bounds = pcre2_get_ovector_pointer(data_.get());
    // \K can put the begin of a match behind its end.
    return Match{std::min(bounds[0], bounds[1]), bounds[1]};
  }

 private:
  [[noreturn]] void refuse(int code, size_t from) const {
    const bool is_memory = code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAPLIMIT;
    throw Error(is_memory ? ErrorCode::out_of_memory : ErrorCode::unsupported,
                "{}: matching '{}' failed at byte {} of {}: {}", compiled_.source, shown(compiled_.pattern), from,
                text_.size(), message_of(code));
  }

  const Compiled& compiled_;
  std::string_view text_;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data_;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context_;
};

SplitPattern::SplitPattern(std::string_view pattern, std::string_view source) {
  auto compiled = std::make_unique<Compiled>();
  compiled->pattern = pattern;
  compiled->source = source;
  const std::string spelled = Spelling(pattern, source).spell();
  int error = 0;
  size_t where = 0;
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr));
  if (compiled->code == nullptr)
    throw Error(ErrorCode::unsupported, "{}: the pattern '{}' is not supported: {} at byte {} of '{}'", source,
                shown(pattern), message_of(error), where, shown(spelled));
  compiled->has_jit = pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE) == 0;
  compiled_ = std::move(compiled);
}
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
