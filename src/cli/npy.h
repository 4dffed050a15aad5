// NumPy's .npy files, version 1.0: little-endian float32 matrices in C order, written in pieces.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace quandex::cli {

// Magic, version, length and dictionary, padded so that the data starts at a multiple of 64 bytes.
std::string npy_header(int64_t rows, int64_t cols);

class NpyWriter {
 public:
  // Throws Error{io} naming the path.
  NpyWriter(std::filesystem::path path, int64_t rows, int64_t cols);
  ~NpyWriter();  // removes a file that was not finished
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  void write(std::span<const float> values);  // the next values in row-major order
  void finish();                              // after rows * cols values

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  int64_t expected_values_, written_values_ = 0;
};

}  // namespace quandex::cli
