// Builds images of safetensors files, wrong ones too.
#pragma once

#include <fmt/ranges.h>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/safetensors.h"
#include "support/temporary_folder.h"

namespace quandex {

// A file of any header text and data.
inline std::string safetensors_image(std::string_view header, std::string_view data = "") {
  const uint64_t length = header.size();
  std::string image(sizeof(length), '\0');
  std::memcpy(image.data(), &length, sizeof(length));
  return image.append(header).append(data);
}

// A right file, tensor by tensor; each holds bytes that count up from its place in the list.
class SafetensorsImage {
 public:
  SafetensorsImage& metadata(std::string_view key, std::string_view value) {
    metadata_ += fmt::format("{}\"{}\":\"{}\"", metadata_.empty() ? "" : ",", key, value);
    return *this;
  }
  SafetensorsImage& tensor(std::string_view name, std::string_view dtype, const std::vector<int64_t>& shape) {
    auto n_bytes = static_cast<size_t>(safetensors_type_bytes(dtype).value());
    for (const int64_t dim : shape) n_bytes *= static_cast<size_t>(dim);
    tensors_ += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                            tensors_.empty() ? "" : ",", name, dtype, fmt::join(shape, ","), data_.size(),
                            data_.size() + n_bytes);
    for (size_t i = 0; i < n_bytes; ++i) data_ += static_cast<char>(static_cast<unsigned char>(n_tensors_ + i));
    ++n_tensors_;
    return *this;
  }
  std::string header() const {
    std::string header = "{";
    if (!metadata_.empty()) header += fmt::format("\"__metadata__\":{{{}}}{}", metadata_, tensors_.empty() ? "" : ",");
    header += tensors_ + "}";
    while (header.size() % 8 != 0) header += ' ';
    return header;
  }
  std::string bytes() const { return safetensors_image(header(), data_); }

 private:
  std::string metadata_, tensors_, data_;
  size_t n_tensors_ = 0;
};

inline std::span<const std::byte> as_file(std::string_view image) { return std::as_bytes(std::span(image)); }

}  // namespace quandex
