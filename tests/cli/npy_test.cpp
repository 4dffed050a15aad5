#include "cli/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace quandex::cli {
namespace {

TEST(Npy, header_is_the_format_version_1_0_asks_for) {
  const std::string header = npy_header(3, 128256);
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t length = static_cast<unsigned char>(header[8]) + 256u * static_cast<unsigned char>(header[9]);
  EXPECT_EQ(10 + length, header.size());
  EXPECT_EQ(header.back(), '\n');
  EXPECT_TRUE(header.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 128256), }"));
}

TEST(Npy, header_stays_aligned_for_every_width_of_the_shape) {
  for (int64_t n = 1; n < int64_t{1} << 60; n *= 7) EXPECT_EQ(npy_header(n, n * 3).size() % 64, 0u) << n;
}

TEST(Npy, values_written_in_pieces_lie_behind_the_header) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "quandex_npy_test.npy";
  const std::vector<float> values{1, -2.5f, 3, 4, 5, 6.25f};
  NpyWriter writer(path, 2, 3);
  writer.write(std::span(values).first(2));
  writer.write(std::span(values).subspan(2));
  writer.finish();
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::filesystem::remove(path);
  const std::string header = npy_header(2, 3);
  ASSERT_EQ(bytes.size(), header.size() + values.size() * sizeof(float));
  EXPECT_EQ(bytes.substr(0, header.size()), header);
  EXPECT_EQ(std::memcmp(bytes.data() + header.size(), values.data(), values.size() * sizeof(float)), 0);
}

TEST(Npy, an_unfinished_file_is_removed_but_never_a_link_that_names_one) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "quandex_npy_unfinished";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / "file.npy", link = folder / "link.npy";
  {
    const NpyWriter writer(file, 1, 1);
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  std::filesystem::create_symlink(file, link);
  {
    const NpyWriter writer(link, 1, 1);
  }
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace quandex::cli
