// A hash table from pairs of token ids to what they merge to: open addressing, one cache line a look-up in the usual
// case. Filled once, then only read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "text/merge.h"

namespace quandex {

class PairTable {
 public:
  // At most 3/5 of the slots are taken.
  explicit PairTable(size_t n_pairs) : slots_(std::bit_ceil(n_pairs + n_pairs * 2 / 3 + 1)) {}

  // At most the n_pairs promised. Keeps the entry that a pair has already.
  void add(int32_t left, int32_t right, MergeResult result) {
    Slot& slot = slots_[index_of(key_of(left, right))];
    if (slot.key == kEmpty) slot = {key_of(left, right), result};
  }

  std::optional<MergeResult> find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[index_of(key_of(left, right))];
    if (slot.key == kEmpty) return std::nullopt;
    return slot.result;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};  // would be the pair (-1, -1), which is no pair of tokens
  struct Slot {
    uint64_t key = kEmpty;
    MergeResult result;
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  // The slot that holds the key, or the empty one where it belongs.
  size_t index_of(uint64_t key) const {
    uint64_t hash = key ^ key >> 31;
    hash *= 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    const size_t mask = slots_.size() - 1;
    size_t index = static_cast<size_t>(hash) & mask;
    while (slots_[index].key != kEmpty && slots_[index].key != key) index = (index + 1) & mask;
    return index;
  }

  std::vector<Slot> slots_;
};

}  // namespace quandex
