// Large pages of memory, where the system has them and listens to advice.
#pragma once

#include <cstddef>

namespace quandex {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Asks for large pages (or for small ones) behind a mapping, before it is touched. Advice: nothing depends on it.
void advise_huge_pages(void* start, size_t size_bytes, bool wanted);

}  // namespace quandex
