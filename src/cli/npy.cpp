#include "cli/npy.h"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"
#include "base/error.h"

namespace quandex::cli {

static_assert(std::endian::native == std::endian::little, "the values are written as they lie in memory");

std::string npy_header(int64_t rows, int64_t cols) {
  constexpr size_t kPrefixBytes = 10, kAlignment = 64;  // magic 6, version 2, header length 2
  std::string dictionary = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  const size_t unpadded = kPrefixBytes + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary.push_back('\n');
  std::string header("\x93NUMPY\x01\x00", 8);
  header.push_back(static_cast<char>(dictionary.size() & 0xff));
  header.push_back(static_cast<char>(dictionary.size() >> 8));
  return header + dictionary;
}

NpyWriter::NpyWriter(std::filesystem::path path, int64_t rows, int64_t cols)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb")), expected_values_(rows * cols) {
  if (!file_) fail("cannot create the file");
  const std::string header = npy_header(rows, cols);
  if (std::fwrite(header.data(), 1, header.size(), file_.get()) != header.size()) fail("cannot write");
}

NpyWriter::~NpyWriter() {
  std::error_code ignored;
  // Never a device such as /dev/stdout, nor the link that names a file elsewhere.
  if (file_ && std::filesystem::is_regular_file(std::filesystem::symlink_status(path_, ignored)))
    std::filesystem::remove(path_, ignored);
}

void NpyWriter::write(std::span<const float> values) {
  CHECK(file_);
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_.get()) != values.size()) fail("cannot write");
  written_values_ += static_cast<int64_t>(values.size());
}

void NpyWriter::finish() {
  CHECK(written_values_ == expected_values_);
  if (std::fflush(file_.get()) != 0 || std::fclose(file_.release()) != 0) fail("cannot write");
}

void NpyWriter::fail(const char* what) const {
  throw Error(ErrorCode::io, "{}: {}: {}", path_.string(), what, std::strerror(errno));
}

}  // namespace quandex::cli
