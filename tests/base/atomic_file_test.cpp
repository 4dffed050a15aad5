#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"

namespace quandex {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "quandex_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AtomicFile, appears_whole_and_only_when_finished) {
  const TemporaryFolder folder;
  const auto path = folder / "out";
  AtomicFile file(path);
  file.write("ab");
  const std::string large(3 << 20, 'x');  // more than the buffer
  file.write(large);
  file.write("cd");
  EXPECT_FALSE(std::filesystem::exists(path));
  file.finish();
  EXPECT_EQ(content(path), "ab" + large + "cd");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(AtomicFile, leaves_nothing_and_harms_nothing_when_given_up) {
  const TemporaryFolder folder;
  const auto path = folder / "out";
  std::ofstream(path) << "before";
  {
    AtomicFile file(path);
    file.write("after");
  }
  EXPECT_EQ(content(path), "before");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(AtomicFile, a_folder_that_is_not_there_is_an_error_that_names_the_file) {
  const TemporaryFolder folder;
  try {
    const AtomicFile file(folder / "absent" / "out");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_NE(std::string(error.what()).find("absent/out.part: cannot create"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace quandex
