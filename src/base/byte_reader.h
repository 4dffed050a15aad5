// Reads a file's bytes in order, every read checked against what is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace quandex {

class ByteReader {
 public:
  // Both must outlive it; `name` is the file's, for messages.
  ByteReader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  size_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }

  // The next n bytes. `what` they are is for the Error{invalid_file} where fewer are left.
  std::span<const std::byte> take(uint64_t n, std::string_view what) {
    if (n > left()) {
      throw Error(ErrorCode::invalid_file, "{}: {} at byte {} needs {} bytes, the file has {} left", name_, what,
                  position_, n, left());
    }
    const auto part = bytes_.subspan(position_, static_cast<size_t>(n));
    position_ += part.size();
    return part;
  }

  template <typename T>
  T number(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::string_view text(uint64_t n_bytes, std::string_view what) {
    const auto part = take(n_bytes, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t position_ = 0;
};

}  // namespace quandex
