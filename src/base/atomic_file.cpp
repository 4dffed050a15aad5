#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), part_path_(path_) {
  part_path_ += ".part";
  fd_ = ::open(part_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_io("create");
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  std::error_code ignored;
  std::filesystem::remove(part_path_, ignored);
}

void AtomicFile::throw_io(std::string_view action) const {
  const int error = errno;
  throw Error(ErrorCode::io, "{}: cannot {}: {}", part_path_.string(), action, std::strerror(error));
}

// A failed write leaves an unknown part of its bytes on disk, so the file is given up.
void AtomicFile::write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      discard();
      errno = error;
      throw_io("write");
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  CHECK(is_open());
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    write_all(buffer_);
    buffer_.clear();
  }
  if (bytes.size() > kBufferBytes) {
    write_all(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void AtomicFile::finish() {
  CHECK(is_open());
  write_all(buffer_);
  buffer_.clear();
  if (::fsync(fd_) != 0) throw_io("sync");
  if (::rename(part_path_.c_str(), path_.c_str()) != 0) throw_io("rename");
  ::close(fd_);
  fd_ = -1;  // nothing left to remove
  // The name itself is durable once its folder is; a file system that cannot sync folders has no more to give.
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    ::fsync(folder_fd);
    ::close(folder_fd);
  }
}

}  // namespace quandex
