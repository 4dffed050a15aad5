#include "format/allocation_counter.h"

#include <cstdlib>
#include <new>

namespace quandex {
namespace {
thread_local size_t total_bytes = 0;
}  // namespace
size_t allocated_bytes() { return total_bytes; }
}  // namespace quandex

void* operator new(size_t size) {
  quandex::total_bytes += size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
