// Counts what a test program allocates: link allocation_count.cpp, which replaces the global operator new.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quandex::test {

// Calls of operator new so far, on all threads.
int64_t allocation_count();

// Bytes asked of operator new by this thread so far; freeing takes nothing off.
size_t allocated_bytes();

// False where a sanitizer's operator new has taken the place of ours: nothing is counted then.
bool counts_allocations();

}  // namespace quandex::test
