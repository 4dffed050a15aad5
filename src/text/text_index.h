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
  explicit TextIndex(size_t n_texts = 0) : slots_(std::bit_ceil(n_texts * 2 + 1)) {}

  // At most the n_texts promised. Keeps the value that a text has already.
  void add(std::string_view text, int32_t value) {
    const size_t hash = hash_of(text);
    Slot& slot = slots_[index_of(text, hash)];
    if (slot.hash == kEmpty) slot = {hash, text, value};
  }

  std::optional<int32_t> find(std::string_view text) const {
    const Slot& slot = slots_[index_of(text, hash_of(text))];
    if (slot.hash == kEmpty) return std::nullopt;
    return slot.value;
  }

 private:
  static constexpr size_t kEmpty = 0;
  struct Slot {
    size_t hash = kEmpty;
    std::string_view text;
    int32_t value = 0;
  };

  static size_t hash_of(std::string_view text) {
    const size_t hash = std::hash<std::string_view>()(text);
    return hash == kEmpty ? 1 : hash;
  }
  // The slot that holds the text, or the empty one where it belongs.
  size_t index_of(std::string_view text, size_t hash) const {
    const size_t mask = slots_.size() - 1;
    size_t index = hash & mask;
    while (slots_[index].hash != kEmpty && (slots_[index].hash != hash || slots_[index].text != text))
      index = (index + 1) & mask;
    return index;
  }

  std::vector<Slot> slots_;
};

}  // namespace quandex
