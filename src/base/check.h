// CHECK is for programmer errors only and is always on: user input never reaches one.
#pragma once

namespace quandex {

// Prints the failed condition with its place to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace quandex

#define CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::quandex::check_failed(#condition, __FILE__, __LINE__))
