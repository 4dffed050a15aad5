// What the stages Split and Replace look for: a text, or a regular expression.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/function_ref.h"
#include "text/json_field.h"
#include "text/split_pattern.h"

namespace quandex {

class TextPattern {
 public:
  // {"String": "…"} or {"Regex": "…"}. Throws Error{unsupported} for expressions that PCRE2 would read otherwise than
  // Oniguruma, for which the files are written.
  explicit TextPattern(const JsonField& field);
  // A regular expression of ours.
  TextPattern(std::string_view regex, std::string_view source) : regex_(std::in_place, regex, source) {}

  // All matches from left to right; none overlap.
  void for_each(std::string_view text, FunctionRef<void(SplitPattern::Match)> visit) const;

 private:
  std::string text_;
  std::optional<SplitPattern> regex_;
};

}  // namespace quandex
