// Zeroed, aligned memory for weights, caches and scratch. Large pieces are mapped on their own at huge-page alignment:
// weights are read end to end every step and 4 KiB pages would cost that much address translation.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace quandex::cpu {

inline constexpr size_t kMemoryAlignment = 64;

class HostMemory {
 public:
  HostMemory() = default;
  // Throws Error{out_of_memory} naming `what` and the sizes. Pages are taken when they are first written.
  HostMemory(size_t size_bytes, std::string_view what);
  HostMemory(HostMemory&& other) noexcept;
  HostMemory& operator=(HostMemory&& other) noexcept;
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Memory that is never given back one piece at a time. Large pieces share mappings: each on its own would leave half a
// huge page unused on average. Small ones come from the heap, where memory checkers see their ends.
class HostArena {
 public:
  // Zeroed and aligned like HostMemory, with the same errors.
  std::byte* take(size_t size_bytes, std::string_view what);

 private:
  std::vector<HostMemory> pieces_;
  size_t slab_ = 0, slab_used_ = 0;  // the mapping that large pieces are taken from, 1 + its index; 0: none yet
};

}  // namespace quandex::cpu
