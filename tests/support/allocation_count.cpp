#include "support/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

// These functions are the pair that the compiler takes malloc and free for a mismatch of.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace {

std::atomic<int64_t> n_allocations{0};
thread_local size_t n_thread_bytes = 0;

void* counted_allocation(size_t size, size_t alignment) {
  n_allocations.fetch_add(1, std::memory_order_relaxed);
  n_thread_bytes += size;
  const size_t padded = (size + alignment - 1) / alignment * alignment;
  if (padded >= size)
    if (void* memory = std::aligned_alloc(alignment, padded > 0 ? padded : alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t size) { return counted_allocation(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return counted_allocation(size, static_cast<size_t>(alignment));
}
// std::stable_sort asks this one; a sanitizer's own would not go with our delete.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace quandex::test {

int64_t allocation_count() { return n_allocations.load(); }
size_t allocated_bytes() { return n_thread_bytes; }

bool counts_allocations() {
  const int64_t before = allocation_count();
  ::operator delete(::operator new(1));
  return allocation_count() > before;
}

}  // namespace quandex::test
