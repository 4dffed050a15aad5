#include "base/file_map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace quandex {
namespace {

TEST(MappedFile, gives_the_bytes_of_the_file_and_survives_release) {
  const auto path = std::filesystem::temp_directory_path() / "quandex_file_map_test.bin";
  const std::string content(100000, 'q');
  std::ofstream(path) << content;
  const MappedFile file(path);
  ASSERT_EQ(file.bytes().size(), content.size());
  EXPECT_EQ(std::memcmp(file.bytes().data(), content.data(), content.size()), 0);
  file.release(file.bytes());
  EXPECT_EQ(std::memcmp(file.bytes().data(), content.data(), content.size()), 0);
  std::filesystem::remove(path);
}

TEST(MappedFile, missing_files_and_folders_are_named_errors) {
  try {
    MappedFile file("/no/such/quandex.gguf");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(error.what()).find("/no/such/quandex.gguf"), std::string::npos);
  }
  EXPECT_THROW(MappedFile{std::filesystem::temp_directory_path()}, Error);
}

TEST(MappedFile, a_pipe_is_refused_at_once) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "quandex_file_map_pipe";
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW(MappedFile{path}, Error);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace quandex
