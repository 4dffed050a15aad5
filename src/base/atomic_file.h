// A file that appears under its name only when it is whole: written to NAME.part, synced, then renamed. An unfinished
// one is removed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace quandex {

class AtomicFile {
 public:
  // Throws Error{io} where NAME.part cannot be created.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws Error{io} when the disk is full; the file is then given up.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes) { write(std::as_bytes(std::span(bytes))); }
  void finish();  // once, after the last write

  bool is_open() const { return fd_ >= 0; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void discard();
  void write_all(std::span<const std::byte> bytes);
  [[noreturn]] void throw_io(std::string_view action) const;

  std::filesystem::path path_, part_path_;
  int fd_ = -1;
  std::vector<std::byte> buffer_;
};

}  // namespace quandex
