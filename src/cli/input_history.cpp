#include "cli/input_history.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

namespace quandex::cli {
namespace {

namespace fs = std::filesystem;

// An entry as its line: a newline is \n, a backslash two of them.
std::string line_of(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\\') {
      line += "\\\\";
    } else {
      line += c;
    }
  }
  return line + "\n";
}

std::string entry_of(std::string_view line) {
  std::string text;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool is_escape = line[i] == '\\' && i + 1 < line.size();
    if (is_escape) ++i;
    text += is_escape && line[i] == 'n' ? '\n' : line[i];
  }
  return text;
}

}  // namespace

std::optional<fs::path> input_history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && *state == '/') return fs::path(state) / "quandex" / "history";  // the standard ignores relative ones
  const char* home = std::getenv("HOME");
  if (home && *home == '/') return fs::path(home) / ".local" / "state" / "quandex" / "history";
  return std::nullopt;
}

InputHistory::InputHistory(std::optional<fs::path> path) : path_(std::move(path)) {
  if (!path_) return;
  try {
    read();
  } catch (const std::exception& error) {
    LOG(warn, "chat", "without a history of input: {}", error.what());
    path_.reset();
  }
}

void InputHistory::read() {
  if (!fs::exists(*path_)) return;
  if (!fs::is_regular_file(*path_))  // to open a pipe would wait
    throw Error(ErrorCode::io, "{}: is not a regular file", path_->string());
  std::ifstream file(*path_, std::ios::binary);
  if (!file) throw Error(ErrorCode::io, "{}: cannot be read", path_->string());
  size_t n_lines = 0;
  for (std::string line; std::getline(file, line); ++n_lines)
    if (!line.empty() && line.size() <= 2 * kMostEntryBytes && is_valid_utf8(line)) entries_.push_back(entry_of(line));
  if (entries_.size() > kMostEntries)
    entries_.erase(entries_.begin(), entries_.end() - static_cast<std::ptrdiff_t>(kMostEntries));
  if (n_lines > 2 * kMostEntries) write_latest();
}

void InputHistory::write_latest() const {
  AtomicFile file(*path_);
  fs::permissions(path_->string() + ".part", fs::perms::owner_read | fs::perms::owner_write);  // before it has contents
  for (const std::string& entry : entries_) file.write(line_of(entry));
  file.finish();
}

void InputHistory::append(std::string_view text) {
  if (text.empty() || text.size() > kMostEntryBytes || (!entries_.empty() && entries_.back() == text)) return;
  entries_.emplace_back(text);
  if (!path_) return;
  try {
    append_line(text);
  } catch (const std::exception& error) {
    LOG(warn, "chat", "the history of input is not kept: {}", error.what());
    path_.reset();
  }
}

// In one write at the end, so that several chats at once do not mix their lines.
void InputHistory::append_line(std::string_view text) const {
  if (fs::create_directories(path_->parent_path())) fs::permissions(path_->parent_path(), fs::perms::owner_all);
  const int file = ::open(path_->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) throw Error(ErrorCode::io, "{}: {}", path_->string(), std::strerror(errno));
  const std::string line = line_of(text);
  const bool ok = ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int error = errno;
  ::close(file);
  if (!ok) throw Error(ErrorCode::io, "{}: cannot write: {}", path_->string(), std::strerror(error));
}

}  // namespace quandex::cli
