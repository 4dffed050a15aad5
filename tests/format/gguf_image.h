// Builds file images byte by byte, wrong ones too, and reads them back as the parser does.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/gguf.h"

namespace quandex {

class GgufImage {
 public:
  GgufImage& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  GgufImage& u8(uint8_t value) { return number(value); }
  GgufImage& u32(uint32_t value) { return number(value); }
  GgufImage& u64(uint64_t value) { return number(value); }
  GgufImage& text(std::string_view value) { return u64(value.size()).raw(value); }

  GgufImage& header(uint64_t n_tensors, uint64_t n_keys, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(n_tensors).u64(n_keys);
  }
  GgufImage& key_u32(std::string_view key, uint32_t value) { return text(key).u32(4).u32(value); }
  // Dimensions as the file has them: fastest first.
  GgufImage& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
    text(name).u32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) u64(dim);
    return u32(type).u64(offset);
  }
  GgufImage& pad(size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  GgufImage& zeros(size_t n) {
    bytes_.append(n, '\0');
    return *this;
  }

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }
  GgufHeader parse() const { return parse_gguf(bytes(), "model.gguf"); }

  // The message of the error that parsing ends in, or "" when it does not.
  std::string refusal() const {
    try {
      parse();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  template <typename T>
  GgufImage& number(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
    return *this;
  }

  std::string bytes_;
};

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// A path in the temporary folder, removed (with its .part) at the end.
class TemporaryPath {
 public:
  explicit TemporaryPath(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("quandex_" + std::to_string(::getpid()) + "_" + name)) {}
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  ~TemporaryPath() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    std::filesystem::remove(part(), ignored);
  }
  const std::filesystem::path& get() const { return path_; }
  std::filesystem::path part() const { return path_.string() + ".part"; }

 private:
  std::filesystem::path path_;
};

}  // namespace quandex
