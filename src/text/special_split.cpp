#include "text/special_split.h"

#include <algorithm>

#include "base/utf8.h"

namespace quandex {
namespace {

// Unicode's White_Space property.
bool is_white_space(char32_t c) {
  constexpr std::u32string_view kHigh = U"\x85\xA0\u1680\u2028\u2029\u202F\u205F\u3000";
  return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x2000 && c <= 0x200A) || kHigh.find(c) != std::u32string_view::npos;
}

}  // namespace

SpecialMatcher::SpecialMatcher(const Vocabulary& vocabulary, bool with_control) : vocabulary_(vocabulary) {
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

size_t SpecialMatcher::n_stripped_left(std::string_view text, const Match& match) const {
  if (!vocabulary_.strips_left(match.token)) return 0;
  size_t begin = match.begin;
  while (begin > 0) {
    size_t last = begin - 1;
    while (last > 0 && (static_cast<uint8_t>(text[last]) & 0xC0) == 0x80) --last;
    if (!is_white_space(decode_utf8(text.substr(last, begin - last)).value)) break;
    begin = last;
  }
  return match.begin - begin;
}

size_t SpecialMatcher::n_stripped_right(std::string_view text, const Match& match) const {
  if (!vocabulary_.strips_right(match.token)) return 0;
  size_t end = match.end;
  while (end < text.size()) {
    const DecodedCodepoint character = decode_utf8(text.substr(end));
    if (!is_white_space(character.value)) break;
    end += static_cast<size_t>(character.n_bytes);
  }
  return end - match.end;
}

}  // namespace quandex
