// What the program knows about the streams it writes to: colour, progress bars, closed pipes, and interruption.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace quandex::cli {

// A terminal that wants colour: NO_COLOR unset or empty (no-color.org) and TERM not "dumb".
bool wants_color(std::FILE* stream);
bool is_terminal(std::FILE* stream);

// The text in bold, or dimmed, where the stream wants colour.
std::string bold(std::FILE* stream, std::string_view text);
std::string dim(std::FILE* stream, std::string_view text);

// Ctrl-C and a request to terminate set a flag that loops look at; a second one ends the program at once. SIGPIPE is
// ignored, so that a closed pipe is an error of the write that meets it.
void catch_interruption();
int interruption();  // the signal's number, or 0

// For a program that talks: from here on Ctrl-C sets the flag however often it comes, and ends nothing.
void outlive_ctrl_c();
bool take_ctrl_c();  // whether the flag says Ctrl-C; it is cleared then

// Thrown by loops that have nothing to show for an interrupted run; main exits with 128 + the signal's number.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};
void throw_if_interrupted();

// All of standard input. Ctrl-C ends the program at once while it waits for more.
std::string read_standard_input();

// Writes and flushes; false once the reader has closed the pipe. Throws Error{io} for every other failure.
bool write_text(std::FILE* stream, std::string_view text);

// A bar on standard error, only on a terminal and only for work that takes longer than half a second. Erased at the
// end.
class ProgressBar {
 public:
  enum class Unit : uint8_t { bytes, steps };
  explicit ProgressBar(std::string label, Unit unit = Unit::bytes);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(uint64_t done, uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  const std::string label_;
  const Unit unit_;
  const bool enabled_;
  bool drawn_ = false;
  Clock::time_point started_, last_drawn_;
};

// "1.24 GB", "312 MB": decimal units, three digits.
std::string format_bytes(double bytes);

// "1.24 B", "512 M": counts of parameters.
std::string format_count(double count);

}  // namespace quandex::cli
