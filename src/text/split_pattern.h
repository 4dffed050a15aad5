// The regular expressions by which tokenizer files split text. PCRE2 does the work; what it understands otherwise than
// Oniguruma, for which the files are written, is spelled out for it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/function_ref.h"

namespace quandex {

// Immutable; several threads may use it.
class SplitPattern {
 public:
  // `source` is for messages. Throws Error{unsupported} "SOURCE: …" for a pattern that is not understood.
  SplitPattern(std::string_view pattern, std::string_view source);
  SplitPattern(SplitPattern&&) noexcept;
  ~SplitPattern();

  struct Match {
    size_t begin, end;
  };
  // The leftmost match at `from` or later, which may be empty. `text` is valid UTF-8, of which look-behind sees what
  // lies before `from`. Throws Error{unsupported} where the pattern asks for more steps than a text of that length
  // justifies, Error{out_of_memory} where it asks for more memory: neither ever reads as "no match".
  std::optional<Match> find(std::string_view text, size_t from) const;

  // All matches, from left to right, as find() gives them from the end of the one before; an empty one that begins
  // there is passed over.
  void for_each(std::string_view text, FunctionRef<void(Match)> visit) const;

 private:
  struct Compiled;
  class Search;

  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace quandex
