// A file mapped read-only into memory. Clean pages cost nothing that the kernel cannot take back; `release` gives them
// back at once, for parts that have been repacked and will not be read again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace quandex {

class MappedFile {
 public:
  // Throws Error{not_found} or Error{io}, naming the path. Directories and devices are refused.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Drops the resident pages that lie wholly inside `part` (a span of bytes()); reading them again re-reads the file.
  void release(std::span<const std::byte> part) const noexcept;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace quandex
