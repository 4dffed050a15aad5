// The merging loop of both kinds of BPE: neighbouring symbols are joined, best pair first (of equals the leftmost),
// until no pair can be. Few symbols are looked through for each join; of many, a queue of candidates over a doubly
// linked list costs O(n log n) at worst.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "text/merge_queue.h"

namespace quandex {

struct MergeSymbol {
  uint32_t begin = 0, end = 0;  // bytes of the text; end == begin once swallowed by its left neighbour
  int32_t token = -1;           // -1: not in the vocabulary
  int32_t previous = -1, next = -1;
};

struct MergeResult {
  uint32_t order = 0;  // lower is merged first; below the highest there is
  int32_t token = -1;
};

// Buffers that are reused from one text to the next.
class Merger {
 public:
  void clear() { symbols_.clear(); }

  // Appends a symbol that ends at `end` and begins where the one before it ended.
  void add(uint32_t end, int32_t token) {
    const auto index = static_cast<int32_t>(symbols_.size());
    const uint32_t begin = symbols_.empty() ? 0 : symbols_.back().end;
    if (!symbols_.empty()) symbols_.back().next = index;
    symbols_.push_back({begin, end, token, index - 1, -1});
  }

  // find(left, right) gives what two neighbours merge to: std::optional<MergeResult>.
  template <typename Find>
  void merge(const Find& find) {
    if (symbols_.size() <= kFewSymbols)
      merge_few(find);
    else
      merge_many(find);
  }

  // visit(symbol) for what is left, in order.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = symbols_[static_cast<size_t>(i)].next)
      visit(symbols_[static_cast<size_t>(i)]);
  }

 private:
  // Looking through so many takes three quarters of the time that a queue of them takes.
  static constexpr size_t kFewSymbols = 256;
  static constexpr MergeResult kNoResult = {std::numeric_limits<uint32_t>::max(), -1};

  MergeSymbol& at(int32_t i) { return symbols_[static_cast<size_t>(i)]; }

  // Symbols stay side by side: results_[i] is of symbols i and i + 1.
  template <typename Find>
  void merge_few(const Find& find) {
    const auto result_at = [&](size_t i) {
      return i + 1 < symbols_.size() ? find(symbols_[i], symbols_[i + 1]).value_or(kNoResult) : kNoResult;
    };
    results_.clear();
    for (size_t i = 0; i < symbols_.size(); ++i) results_.push_back(result_at(i));
    while (!results_.empty()) {
      const auto best = std::ranges::min_element(results_, {}, &MergeResult::order);
      if (best->token < 0) break;
      const auto i = static_cast<size_t>(best - results_.begin());
      symbols_[i].end = symbols_[i + 1].end;
      symbols_[i].token = best->token;
      symbols_.erase(symbols_.begin() + static_cast<ptrdiff_t>(i) + 1);
      results_.erase(best);
      results_[i] = result_at(i);
      if (i > 0) results_[i - 1] = result_at(i - 1);
    }
    for (size_t i = 0; i < symbols_.size(); ++i) {
      symbols_[i].previous = static_cast<int32_t>(i) - 1;
      symbols_[i].next = i + 1 < symbols_.size() ? static_cast<int32_t>(i) + 1 : -1;
    }
  }

  template <typename Find>
  void merge_many(const Find& find) {
    for (int32_t left = 0; left + 1 < static_cast<int32_t>(symbols_.size()); ++left) push(left, find);
    while (const auto best = queue_.pop()) {
      MergeSymbol& left = at(best->left);
      // Stale where either side has been merged since: the two then no longer span the same bytes.
      if (left.next < 0 || left.begin == left.end || at(left.next).end != best->end) continue;
      join(left, best->token);
      if (left.previous >= 0) push(left.previous, find);
      if (left.next >= 0) push(best->left, find);
    }
  }

  // The symbol and the one on its right as a candidate, if they merge.
  template <typename Find>
  void push(int32_t left, const Find& find) {
    const MergeSymbol& right = at(at(left).next);
    if (const std::optional<MergeResult> result = find(at(left), right))
      queue_.push(result->order, {left, right.end, result->token});
  }

  void join(MergeSymbol& left, int32_t token) {
    MergeSymbol& right = at(left.next);
    left.end = right.end;
    left.token = token;
    left.next = right.next;
    if (right.next >= 0) at(right.next).previous = static_cast<int32_t>(&left - symbols_.data());
    right.begin = right.end;
  }

  std::vector<MergeSymbol> symbols_;
  std::vector<MergeResult> results_;
  MergeQueue queue_;
};

}  // namespace quandex
