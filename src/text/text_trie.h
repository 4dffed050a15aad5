// Finds which of many texts another one begins with. Holds views: the texts must outlive it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace quandex {

class TextTrie {
 public:
  struct Entry {
    std::string_view text;
    int32_t value;
  };

  TextTrie() = default;
  // Of equal texts the first given counts; empty ones are left out.
  explicit TextTrie(std::vector<Entry> entries) : entries_(std::move(entries)) {
    std::ranges::stable_sort(entries_, {}, &Entry::text);
    const auto repeated = std::ranges::unique(entries_, {}, &Entry::text);
    entries_.erase(repeated.begin(), repeated.end());
    std::erase_if(entries_, [](const Entry& entry) { return entry.text.empty(); });
    for (size_t i = 0; i < entries_.size(); ++i) {
      auto& [first, last] = ranges_[static_cast<uint8_t>(entries_[i].text[0])];
      if (first == last) first = i;
      last = i + 1;
    }
  }

  bool is_empty() const { return entries_.empty(); }

  // Whether any entry begins with this byte.
  bool may_begin(char byte) const {
    const auto& [first, last] = ranges_[static_cast<uint8_t>(byte)];
    return first < last;
  }

  // visit(value, bytes) for each entry that `text` begins with, the shortest first.
  template <typename Visit>
  void for_each_prefix(std::string_view text, const Visit& visit) const {
    if (text.empty()) return;
    auto [first, last] = ranges_[static_cast<uint8_t>(text[0])];
    // All entries in [first, last) agree with the text in their first `n` bytes; the shortest of them comes first.
    for (size_t n = 1; first < last; ++n) {
      if (entries_[first].text.size() == n) visit(entries_[first].value, n), ++first;
      if (n == text.size()) return;
      const auto byte_at_n = [n](const Entry& entry) { return static_cast<uint8_t>(entry.text[n]); };
      const auto begin = entries_.begin() + static_cast<ptrdiff_t>(first);
      const auto narrowed = std::ranges::equal_range(begin, entries_.begin() + static_cast<ptrdiff_t>(last),
                                                     static_cast<uint8_t>(text[n]), {}, byte_at_n);
      last = static_cast<size_t>(narrowed.end() - entries_.begin());
      first = static_cast<size_t>(narrowed.begin() - entries_.begin());
    }
  }

 private:
  std::vector<Entry> entries_;                           // by text
  std::array<std::pair<size_t, size_t>, 256> ranges_{};  // entries that start with each byte
};

}  // namespace quandex
