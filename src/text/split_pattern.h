// The regular expressions by which tokenizer files split text. A matcher of our own takes those of the usual kind
// (split_program.h), PCRE2 all others; what PCRE2 understands otherwise than Oniguruma, for which the files are
// written, is spelled out for it, or refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/function_ref.h"

namespace quandex {

// Immutable; several threads may use it.
class SplitPattern {
 public:
  enum class Matcher : uint8_t { fastest, pcre2 };  // they differ in speed only

  // `source` is for messages. Throws Error{unsupported} "SOURCE: …" for a pattern that is not understood.
  SplitPattern(std::string_view pattern, std::string_view source, Matcher matcher = Matcher::fastest);
  SplitPattern(SplitPattern&&) noexcept;
  ~SplitPattern();

  struct Match {
    size_t begin, end;
  };
  // The leftmost match at `from` or later, which may be empty. `text` is valid UTF-8, of which look-behind sees what
  // lies before `from`. Throws Error{unsupported} where the pattern asks for more steps than a text of that length
  // justifies, Error{out_of_memory} where PCRE2 asks for too much memory: neither ever reads as "no match".
  std::optional<Match> find(std::string_view text, size_t from) const;

  // All matches, from left to right, as find() gives them from the end of the one before; an empty one that begins
  // there is passed over. The limit of steps is for all of them together.
  void for_each(std::string_view text, FunctionRef<void(Match)> visit) const;

  bool uses_pcre2() const;

 private:
  struct Compiled;
  class Search;

  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace quandex
