#include "text/special_split.h"

#include <algorithm>

namespace quandex {

SpecialMatcher::SpecialMatcher(const Vocabulary& vocabulary, bool with_control) {
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const bool is_matched =
        vocabulary.type(id) == TokenType::user_defined || (with_control && vocabulary.is_special(id));
    if (is_matched && !vocabulary.text(id).empty()) entries_.push_back({vocabulary.text(id), id});
  }
  std::ranges::sort(
      entries_, [](const Entry& a, const Entry& b) { return a.text != b.text ? a.text < b.text : a.token < b.token; });
  // Of equal texts the lowest id stays.
  const auto repeated = std::ranges::unique(entries_, {}, &Entry::text);
  entries_.erase(repeated.begin(), repeated.end());
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto& [first, last] = ranges_[static_cast<uint8_t>(entries_[i].text[0])];
    if (first == last) first = i;
    last = i + 1;
  }
}

std::optional<SpecialMatcher::Match> SpecialMatcher::longest_at(std::string_view text, size_t begin) const {
  std::optional<Match> longest;
  auto [first, last] = ranges_[static_cast<uint8_t>(text[begin])];
  // All entries in [first, last) agree with the text in their first `n` bytes; the shortest of them comes first.
  for (size_t n = 1; first < last; ++n) {
    if (entries_[first].text.size() == n) {
      longest = Match{begin, begin + n, entries_[first].token};
      ++first;
    }
    if (begin + n == text.size()) break;
    const auto byte_at_n = [n](const Entry& entry) { return static_cast<uint8_t>(entry.text[n]); };
    const auto narrowed = std::ranges::equal_range(entries_.begin() + static_cast<ptrdiff_t>(first),
                                                   entries_.begin() + static_cast<ptrdiff_t>(last),
                                                   static_cast<uint8_t>(text[begin + n]), {}, byte_at_n);
    first = static_cast<size_t>(narrowed.begin() - entries_.begin());
    last = static_cast<size_t>(narrowed.end() - entries_.begin());
  }
  return longest;
}

std::optional<SpecialMatcher::Match> SpecialMatcher::find_next(std::string_view text, size_t from) const {
  if (entries_.empty()) return std::nullopt;
  for (size_t begin = from; begin < text.size(); ++begin) {
    const auto& [first, last] = ranges_[static_cast<uint8_t>(text[begin])];
    if (first == last) continue;
    if (const auto match = longest_at(text, begin)) return match;
  }
  return std::nullopt;
}

}  // namespace quandex
