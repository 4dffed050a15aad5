// What the short pieces of a text became, while the text is being encoded: most pieces of ordinary text come again. One
// slot a hash, the latest piece stays. Belongs to one call, so it needs no lock and forgets nothing that matters.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace quandex {

class PieceCache {
 public:
  static constexpr size_t kMaxPieceBytes = 15;

  // As large as a text of so many bytes can use, and as a core's cache can hold.
  explicit PieceCache(size_t n_text_bytes)
      : entries_(std::bit_ceil(std::clamp<size_t>(n_text_bytes / 8, 1, kMaxEntries))),
        shift_(64 - std::countr_zero(entries_.size())) {}

  struct Key {
    uint64_t low = 0, high = 0;  // the bytes, then zeros, then the length in the topmost byte; 0: no piece
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Entry {
    Key key;
    uint32_t first = 0, n_ids = 0;  // the ids are those at `first` of the text's ids so far
  };

  // `piece` has 1 to kMaxPieceBytes bytes.
  static Key key_of(std::string_view piece) {
    Key key;
    if (piece.size() >= 8) {
      std::memcpy(&key.low, piece.data(), 8);
      // The last eight bytes, less those that are in `low` already.
      uint64_t last = 0;
      std::memcpy(&last, piece.data() + piece.size() - 8, 8);
      if (piece.size() > 8) key.high = last >> (8 * (16 - piece.size()));
    } else {
      for (size_t i = 0; i < piece.size(); ++i) key.low |= uint64_t{static_cast<uint8_t>(piece[i])} << (8 * i);
    }
    key.high |= uint64_t{piece.size()} << 56;
    return key;
  }

  // The entry of the key, or the one of another key that it may take.
  Entry& at(const Key& key) {
    uint64_t hash = (key.low ^ std::rotl(key.high, 23)) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
    return entries_[shift_ < 64 ? hash >> shift_ : 0];
  }

 private:
  static constexpr size_t kMaxEntries = size_t{1} << 14;

  std::vector<Entry> entries_;
  int shift_;  // leaves of a hash what counts the entries
};

}  // namespace quandex
