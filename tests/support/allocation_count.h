// Counts what a test program allocates: link allocation_count.cpp, which replaces the global operator new.
#pragma once

#include <cstdint>

namespace quandex::test {

// Calls of operator new so far, on all threads.
int64_t allocation_count();

}  // namespace quandex::test
