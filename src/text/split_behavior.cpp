#include "text/split_behavior.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace quandex {
namespace {

constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames = {
    {{"Isolated", SplitBehavior::isolated},
     {"Removed", SplitBehavior::removed},
     {"MergedWithPrevious", SplitBehavior::merged_with_previous},
     {"MergedWithNext", SplitBehavior::merged_with_next},
     {"Contiguous", SplitBehavior::contiguous}}};

// Of several matches in a row only the first joins what it follows.
std::vector<SplitRange> merge_with_previous(const std::vector<SplitRange>& ranges) {
  std::vector<SplitRange> merged;
  bool was_match = false;
  for (const SplitRange& range : ranges) {
    if (range.is_match && !was_match && !merged.empty())
      merged.back().end = range.end;
    else
      merged.push_back(range);
    was_match = range.is_match;
  }
  return merged;
}

}  // namespace

SplitBehavior parse_split_behavior(const JsonField& field) {
  const std::string& name = field.string();
  for (const auto& [known, behavior] : kNames)
    if (known == name) return behavior;
  field.refuse_unsupported("Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
}

char32_t parse_character(const JsonField& field) {
  const std::string& text = field.string();
  if (text.empty() || static_cast<size_t>(decode_utf8(text).n_bytes) != text.size()) field.refuse("one character");
  return decode_utf8(text).value;
}

std::vector<SplitRange> merge_ranges(const std::vector<SplitRange>& ranges, SplitBehavior behavior) {
  std::vector<SplitRange> merged;
  if (behavior == SplitBehavior::merged_with_previous) return merge_with_previous(ranges);
  if (behavior == SplitBehavior::merged_with_next) {
    // The same from the other end.
    bool was_match = false;
    for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
      if (range->is_match && !was_match && !merged.empty())
        merged.back().begin = range->begin;
      else
        merged.push_back(*range);
      was_match = range->is_match;
    }
    std::ranges::reverse(merged);
    return merged;
  }
  bool was_match = false;
  for (const SplitRange& range : ranges) {
    if (range.is_match == was_match && !merged.empty())
      merged.back().end = range.end;
    else
      merged.push_back(range);
    was_match = range.is_match;
  }
  return merged;
}

}  // namespace quandex
