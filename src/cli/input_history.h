// What was typed in earlier chats, in a file that only its user can read: a line each, the latest last, bounded.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::cli {

// $XDG_STATE_HOME/quandex/history, by default ~/.local/state/quandex/history; none where neither is known.
std::optional<std::filesystem::path> input_history_path();

class InputHistory {
 public:
  static constexpr size_t kMostEntries = 1000;        // kept; the file holds up to twice as many
  static constexpr size_t kMostEntryBytes = 1 << 16;  // longer ones are not kept

  // Reads what is there, lines that are too long or no UTF-8 apart. A file that cannot be read is a warning.
  explicit InputHistory(std::optional<std::filesystem::path> path);

  const std::vector<std::string>& entries() const { return entries_; }  // the oldest first

  // At the end of the file too; a file that cannot be written is a warning, once.
  void append(std::string_view text);

 private:
  void read();
  void write_latest() const;
  void append_line(std::string_view text) const;

  std::optional<std::filesystem::path> path_;
  std::vector<std::string> entries_;
};

}  // namespace quandex::cli
