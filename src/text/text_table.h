// Many short texts in one allocation, by index. Views stay valid while the table lives and is not added to, also when
// the table is moved.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace quandex {

class TextTable {
 public:
  void reserve(size_t n_texts, size_t n_bytes) {
    ends_.reserve(n_texts);
    bytes_.reserve(n_bytes);
  }
  void add(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    ends_.push_back(bytes_.size());
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }

 private:
  std::vector<char> bytes_;
  std::vector<size_t> ends_;
};

}  // namespace quandex
