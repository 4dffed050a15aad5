// A hash table from texts to numbers: open addressing, so that a text that is not there costs one cache line in the
// usual case. Holds views: the texts must outlive it. Filled once, then only read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace quandex {

class TextIndex {
 public:
  // At most 3/5 of the slots are taken.
  explicit TextIndex(size_t n_texts = 0)
      : slots_(std::bit_ceil(n_texts + n_texts * 2 / 3 + 1)), texts_(slots_.size()) {}

  // At most the n_texts promised. Keeps the value that a text has already, and gives the value that it then has.
  int32_t add(std::string_view text, int32_t value) {
    const uint32_t hash = hash_of(text);
    const size_t index = index_of(text, hash);
    if (slots_[index].hash == kEmpty) {
      slots_[index] = {hash, value};
      texts_[index] = text;
    }
    return slots_[index].value;
  }

  std::optional<int32_t> find(std::string_view text) const {
    const Slot& slot = slots_[index_of(text, hash_of(text))];
    if (slot.hash == kEmpty) return std::nullopt;
    return slot.value;
  }

 private:
  static constexpr uint32_t kEmpty = 0;
  struct Slot {
    uint32_t hash = kEmpty;
    int32_t value = 0;
  };

  static uint32_t hash_of(std::string_view text) {
    const auto hash = static_cast<uint32_t>(std::hash<std::string_view>()(text));
    return hash == kEmpty ? 1 : hash;
  }
  // The slot that holds the text, or the empty one where it belongs.
  size_t index_of(std::string_view text, uint32_t hash) const {
    const size_t mask = slots_.size() - 1;
    size_t index = hash & mask;
    while (slots_[index].hash != kEmpty && (slots_[index].hash != hash || texts_[index] != text))
      index = (index + 1) & mask;
    return index;
  }

  std::vector<Slot> slots_;
  std::vector<std::string_view> texts_;  // of the slots, apart: only a slot of the same hash asks for it
};

}  // namespace quandex
