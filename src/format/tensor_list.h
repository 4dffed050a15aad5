// Tensors by name, in the order of their file: what a weight source over one mapped file keeps of them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "format/weight_source.h"

namespace quandex {

class TensorList {
 public:
  void add(std::string name, HostTensor tensor) {
    const bool is_new = index_.emplace(name, tensors_.size()).second;
    CHECK(is_new);
    names_.push_back(std::move(name));
    tensors_.push_back(std::move(tensor));
  }

  std::span<const std::string> names() const { return names_; }
  std::optional<HostTensor> find(std::string_view name) const {
    const auto place = index_.find(name);
    if (place == index_.end()) return std::nullopt;
    return tensors_[place->second];
  }

 private:
  std::vector<std::string> names_;
  std::vector<HostTensor> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
};

}  // namespace quandex
