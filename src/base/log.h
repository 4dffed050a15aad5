// One-line log messages, lower case, no trailing stop: LOG(info, "load", "{} tensors", n). Information is once per
// lifecycle event, never per token. What the user asked a command to print is not logging.
#pragma once

#include <spdlog/spdlog.h>

#define LOG(level, area, ...) ::spdlog::level("[" area "] " __VA_ARGS__)
