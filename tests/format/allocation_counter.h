// Programs that link allocation_counter.cpp count what their threads ask of operator new.
#pragma once

#include <cstddef>

namespace quandex {

size_t allocated_bytes();  // by this thread so far; freeing takes nothing off

}  // namespace quandex
