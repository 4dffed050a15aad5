#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "base/error.h"

namespace quandex::cli {
namespace {

std::atomic<int> caught_signal{0};
std::atomic<bool> outlives_ctrl_c{false};
static_assert(std::atomic<int>::is_always_lock_free);  // else they could not be used in a signal handler

extern "C" void note_signal(int signal) {
  if (signal == SIGINT && outlives_ctrl_c.load()) {
    int none = 0;
    caught_signal.compare_exchange_strong(none, signal);  // a request to terminate is not taken back
    return;
  }
  caught_signal.store(signal);
  std::signal(signal, SIG_DFL);
}

std::string styled(std::FILE* stream, std::string_view text, int code) {
  return wants_color(stream) ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

std::string format_scaled(double value, std::string_view unit) {
  constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "G", "T"};
  size_t i = 0;
  while (std::abs(value) >= 999.5 && i + 1 < kPrefixes.size()) {
    value /= 1000;
    ++i;
  }
  const int decimals = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}{}", value, decimals, kPrefixes[i], unit);
}

}  // namespace

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) == 1; }

bool wants_color(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return is_terminal(stream) && (!no_color || !*no_color) && (!term || std::strcmp(term, "dumb") != 0);
}

std::string bold(std::FILE* stream, std::string_view text) { return styled(stream, text, 1); }
std::string dim(std::FILE* stream, std::string_view text) { return styled(stream, text, 2); }

void catch_interruption() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

int interruption() { return caught_signal.load(); }

void outlive_ctrl_c() {
  outlives_ctrl_c.store(true);
  std::signal(SIGINT, note_signal);  // one that came before has taken it away
}

bool take_ctrl_c() {
  int expected = SIGINT;
  return caught_signal.compare_exchange_strong(expected, 0);
}

void throw_if_interrupted() {
  if (interruption() != 0) throw Interrupted();
}

std::string read_standard_input() {
  // A read that waits for a terminal would sleep through the flag of note_signal().
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  throw_if_interrupted();
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  catch_interruption();
  return text;
}

bool write_text(std::FILE* stream, std::string_view text) {
  errno = 0;
  const bool ok = std::fwrite(text.data(), 1, text.size(), stream) == text.size() && std::fflush(stream) == 0;
  if (ok) return true;
  if (errno == EPIPE) return false;
  throw Error(ErrorCode::io, "cannot write the output: {}", std::strerror(errno));
}

ProgressBar::ProgressBar(std::string label, Unit unit)
    : label_(std::move(label)),
      unit_(unit),
      enabled_(is_terminal(stderr)),
      started_(Clock::now()),
      last_drawn_(started_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::update(uint64_t done, uint64_t total) {
  using namespace std::chrono_literals;
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now - started_ < 500ms || now - last_drawn_ < 100ms) return;
  last_drawn_ = now;
  drawn_ = true;
  constexpr int kCells = 30;
  const double share = total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const int full = static_cast<int>(share * kCells);
  std::string bar(static_cast<size_t>(full), '#');
  bar.resize(kCells, '.');
  const auto shown = [&](uint64_t n) {
    return unit_ == Unit::bytes ? format_bytes(static_cast<double>(n)) : std::to_string(n);
  };
  const std::string line = fmt::format("\r\033[K{} [{}] {:3.0f} %  {} of {}", label_, bold(stderr, bar), share * 100,
                                       shown(done), shown(total));
  std::fputs(line.c_str(), stderr);
}

std::string format_bytes(double bytes) { return format_scaled(bytes, "B"); }

std::string format_count(double count) {
  if (count >= 999.5e6) return fmt::format("{:.2f} B", count / 1e9);
  std::string text = format_scaled(count, "");
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace quandex::cli
