// What becomes of the matches by which a text is split, and of what lies between them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/json_field.h"
#include "text/split_pattern.h"

namespace quandex {

enum class SplitBehavior : uint8_t { isolated, removed, merged_with_previous, merged_with_next, contiguous };

// The name as tokenizer.json has it.
SplitBehavior parse_split_behavior(const JsonField& field);

// The one character of a string.
char32_t parse_character(const JsonField& field);

struct SplitRange {
  size_t begin, end;
  bool is_match;
};
// Ranges of a text, in order, as they are to be passed on.
std::vector<SplitRange> merge_ranges(const std::vector<SplitRange>& ranges, SplitBehavior behavior);

// for_each_match(visit) must call visit(SplitPattern::Match) from left to right; what lies between matches is passed on
// by pass(begin, end) like them. `inverts`: what lies between is taken for the matches.
template <typename ForEachMatch, typename Pass>
void split_by_matches(std::string_view text, SplitBehavior behavior, bool inverts, const ForEachMatch& for_each_match,
                      const Pass& pass) {
  const bool is_direct = behavior == SplitBehavior::isolated || behavior == SplitBehavior::removed;
  std::vector<SplitRange> ranges;
  const auto take = [&](size_t begin, size_t end, bool is_match) {
    if (!is_direct)
      ranges.push_back({begin, end, is_match != inverts});
    else if (behavior == SplitBehavior::isolated || is_match == inverts)
      pass(begin, end);
  };
  size_t done = 0;
  for_each_match([&](SplitPattern::Match match) {
    if (match.begin > done) take(done, match.begin, false);
    take(match.begin, match.end, true);
    done = match.end;
  });
  if (done < text.size()) take(done, text.size(), false);
  if (is_direct) return;
  for (const SplitRange& range : merge_ranges(ranges, behavior)) pass(range.begin, range.end);
}

}  // namespace quandex
