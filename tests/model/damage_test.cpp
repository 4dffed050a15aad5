// Damaged checkpoints of every file family: cut short at many lengths, and with single bits turned over. Each is an
// Error, or a checkpoint that describes itself; nothing is allocated that the files do not justify.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/checkpoint.h"
#include "model/load.h"
#include "support/allocation_count.h"
#include "support/golden_cases.h"
#include "support/temporary_folder.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

// What a small file may cost: it is parsed, its tensors are named, and its configuration may ask for the 4096 layers
// and 4096 RoPE tables that the largest models have. Freed memory counts too.
constexpr size_t kMostBytes = size_t{48} << 20;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A copy of a golden checkpoint, one file of which is damaged again and again.
class Damaged {
 public:
  explicit Damaged(const GoldenFile& golden) : folder_("damaged") {
    opened_ = folder_.path() / golden.path.filename();
    fs::copy(golden.path, opened_, fs::copy_options::recursive);
  }

  // The files that a reader interprets.
  std::vector<fs::path> files() const {
    if (!fs::is_directory(opened_)) return {opened_};
    std::vector<fs::path> files;
    const bool is_whole = fs::exists(opened_ / "model.safetensors");  // then an index beside it is not read
    for (const auto& entry : fs::directory_iterator(opened_)) {
      const std::string name = entry.path().filename().string();
      if (name == "config.json" || name.ends_with(".safetensors") || (name.ends_with(".index.json") && !is_whole))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  // True where the checkpoint with `bytes` in place of `file` opens. Any other exception than Error fails the test.
  bool opens_with(const fs::path& file, const std::string& bytes) const {
    std::ofstream(file, std::ios::binary) << bytes;
    const size_t before = test::allocated_bytes();
    bool opened = true;
    try {
      const Checkpoint checkpoint(opened_);
      const ModelConfig config = checkpoint.read_config();
      checkpoint.config_keys();
      unused_tensors(config, checkpoint.weights());
    } catch (const Error& error) {
      opened = false;
      EXPECT_GT(std::string_view(error.what()).size(), 20u) << error.what();
    }
    EXPECT_LT(test::allocated_bytes() - before, kMostBytes + 8 * bytes.size());
    return opened;
  }

 private:
  const TemporaryFolder folder_;
  fs::path opened_;
};

// Bytes of a file up to which there is more than values: config.json and the index are nothing else.
size_t header_bytes(const std::string& bytes, const fs::path& file) {
  if (file.extension() == ".json") return bytes.size();
  if (file.extension() == ".bin") return 64;
  return std::min<size_t>(bytes.size(), 3000);
}

class Damage : public testing::TestWithParam<GoldenFile> {
 protected:
  Damage() : damaged_(GetParam()) {}
  const Damaged damaged_;
};

TEST_P(Damage, files_cut_short_are_errors) {
  for (const fs::path& file : damaged_.files()) {
    const std::string whole = bytes_of(file);
    std::vector<size_t> lengths;
    const size_t n = header_bytes(whole, file);
    for (size_t i = 0; i < 16; ++i) lengths.push_back(i * n / 16 + i % 2);  // the first of 0
    lengths.push_back(whole.find_last_not_of(" \n\r\t\0"));                 // all but the last byte that says something
    for (const size_t length : lengths)
      EXPECT_FALSE(damaged_.opens_with(file, whole.substr(0, length))) << file << " cut to " << length;
    EXPECT_TRUE(damaged_.opens_with(file, whole)) << file;
  }
}

TEST_P(Damage, single_bits_turned_over_are_errors_or_other_checkpoints) {
  std::mt19937 random(static_cast<unsigned>(GetParam().name.size()) * 7919u + 1u);
  int n_refused = 0, n = 0;
  for (const fs::path& file : damaged_.files()) {
    const std::string whole = bytes_of(file);
    for (int i = 0; i < 16; ++i, ++n) {
      std::string bytes = whole;
      const size_t at = random() % header_bytes(whole, file);
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1u << (random() % 8)));
      n_refused += !damaged_.opens_with(file, bytes);
    }
    EXPECT_TRUE(damaged_.opens_with(file, whole)) << file;
  }
  EXPECT_GT(n_refused, n / 10) << "of " << n;  // the damage is where it is looked at
}

INSTANTIATE_TEST_SUITE_P(Files, Damage, testing::ValuesIn(golden_files()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(DamageProgram, allocations_are_counted_or_a_sanitizer_counts_them) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has operator new";
  EXPECT_GT(test::allocated_bytes(), 0u);
}

}  // namespace
}  // namespace quandex
