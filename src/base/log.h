// One-line log messages, lower case, no trailing stop: LOG(info, "load", "{} tensors", n). Information is once per
// lifecycle event, never per token. What the user asked a command to print is not logging.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

#define LOG(level, area, ...) ::spdlog::level("[" area "] " __VA_ARGS__)

namespace quandex {

// Sends log messages to standard error; without this they go to standard output, which belongs to results.
void log_to_stderr(const std::string& program);

// Writes the time, with its zone, before each message from here on: for what runs for days.
void log_with_time();

}  // namespace quandex
