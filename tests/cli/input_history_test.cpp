#include "cli/input_history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace quandex::cli {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

class History : public testing::Test {
 protected:
  std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view text) const {
    fs::create_directories(path_.parent_path());
    std::ofstream(path_, std::ios::binary) << text;
  }

  const TemporaryFolder folder_{"history"};
  const fs::path path_ = folder_.path() / "state" / "quandex" / "history";
};

TEST_F(History, entries_come_back_byte_for_byte) {
  const Texts texts{"plain", "two\nlines\n", "back\\slash \\n \\\\", "\t tab", "\u00fc \U0001f642"};
  {
    InputHistory history(path_);
    for (const std::string& text : texts) history.append(text);
  }
  EXPECT_EQ(InputHistory(path_).entries(), texts);
}

TEST_F(History, is_its_users_alone) {
  InputHistory(path_).append("secret");
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(History, the_same_entry_twice_in_a_row_and_nothing_at_all_are_not_kept) {
  InputHistory history(path_);
  for (const char* text : {"a", "a", "", "b", "a"}) history.append(text);
  EXPECT_EQ(history.entries(), (Texts{"a", "b", "a"}));
  EXPECT_EQ(contents(), "a\nb\na\n");
}

TEST_F(History, two_chats_at_once_lose_no_entry) {
  InputHistory one(path_), two(path_);
  one.append("a");
  two.append("b");
  one.append("c");
  EXPECT_EQ(InputHistory(path_).entries(), (Texts{"a", "b", "c"}));
}

TEST_F(History, the_file_is_bounded) {
  std::string lines;
  for (size_t i = 0; i <= 2 * InputHistory::kMostEntries; ++i) lines += std::to_string(i) + "\n";
  write(lines);
  const InputHistory history(path_);
  ASSERT_EQ(history.entries().size(), InputHistory::kMostEntries);
  EXPECT_EQ(history.entries().front(), std::to_string(InputHistory::kMostEntries + 1));
  EXPECT_EQ(contents().substr(0, 5), "1001\n");
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(History, a_huge_entry_is_not_kept_in_the_file_nor_read) {
  InputHistory(path_).append(std::string(InputHistory::kMostEntryBytes + 1, 'x'));
  EXPECT_FALSE(fs::exists(path_));
  std::string lines(3 * InputHistory::kMostEntryBytes, 'x');
  lines += "\ngood\n";
  write(lines);
  EXPECT_EQ(InputHistory(path_).entries(), Texts{"good"});
}

TEST_F(History, damaged_lines_are_left_out) {
  write("good\n\xff\n\nopen \\");
  EXPECT_EQ(InputHistory(path_).entries(), (Texts{"good", "open \\"}));
}

TEST_F(History, what_is_no_file_is_not_waited_for) {
  fs::create_directories(path_.parent_path());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  InputHistory history(path_);
  history.append("a");
  EXPECT_EQ(history.entries(), Texts{"a"});
}

TEST_F(History, without_a_place_it_lasts_as_long_as_the_chat) {
  InputHistory nowhere(std::nullopt);
  nowhere.append("a");
  EXPECT_EQ(nowhere.entries(), Texts{"a"});
  fs::create_directories(path_);  // a folder is in its place
  InputHistory blocked(path_);
  blocked.append("b");
  EXPECT_EQ(blocked.entries(), Texts{"b"});
}

}  // namespace
}  // namespace quandex::cli
