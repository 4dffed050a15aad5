#include "cpu/host_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/cpu_features.h"
#include "base/error.h"
#include "base/huge_pages.h"

namespace quandex::cpu {
namespace {

constexpr size_t kSmallest = kHugePageBytes;       // below this, the heap
constexpr size_t kSlab = size_t{256} << 20;        // address space of a shared mapping; pages are taken when written
constexpr size_t kWorthAsking = size_t{64} << 20;  // from this size the machine's memory is looked up first

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

[[noreturn]] void refuse(size_t size_bytes, std::string_view what) {
  const MemoryDescription memory = describe_memory();
  throw Error(ErrorCode::out_of_memory,
              "{}: cannot allocate {:.1f} MiB; this machine has {:.1f} MiB, {:.1f} MiB of it free", what,
              static_cast<double>(size_bytes) / 0x1p20, static_cast<double>(memory.total_bytes) / 0x1p20,
              static_cast<double>(memory.available_bytes) / 0x1p20);
}

std::byte* map_huge(size_t size_bytes, std::string_view what) {
  if (size_bytes >= kWorthAsking) {
    const uint64_t total = describe_memory().total_bytes;
    if (total > 0 && size_bytes > total) refuse(size_bytes, what);
  }
  const size_t mapped = round_up(size_bytes, kHugePageBytes) + kHugePageBytes;
  void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) refuse(size_bytes, what);
  auto* const bytes = static_cast<std::byte*>(start);
  const size_t lead = round_up(reinterpret_cast<uintptr_t>(bytes), kHugePageBytes) - reinterpret_cast<uintptr_t>(bytes);
  const size_t kept = mapped - kHugePageBytes;
  if (lead > 0) munmap(bytes, lead);
  if (lead < kHugePageBytes) munmap(bytes + lead + kept, kHugePageBytes - lead);
  advise_huge_pages(bytes + lead, kept, true);
  return bytes + lead;
}

}  // namespace

HostMemory::HostMemory(size_t size_bytes, std::string_view what) : size_(size_bytes) {
  if (size_bytes >= SIZE_MAX / 2) refuse(size_bytes, what);
  if (size_bytes >= kSmallest) {
    data_ = map_huge(size_bytes, what);
    return;
  }
  const size_t padded = std::max(kMemoryAlignment, round_up(size_bytes, kMemoryAlignment));
  data_ = static_cast<std::byte*>(std::aligned_alloc(kMemoryAlignment, padded));
  if (data_ == nullptr) refuse(size_bytes, what);
  std::memset(data_, 0, padded);
}

HostMemory::HostMemory(HostMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HostMemory& HostMemory::operator=(HostMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

HostMemory::~HostMemory() {
  if (data_ == nullptr) return;
  if (size_ >= kSmallest) {
    munmap(data_, round_up(size_, kHugePageBytes));
  } else {
    std::free(data_);
  }
}

std::byte* HostArena::take(size_t size_bytes, std::string_view what) {
  if (size_bytes < kSmallest || size_bytes >= kSlab) return pieces_.emplace_back(size_bytes, what).data();
  const size_t wanted = round_up(size_bytes, kMemoryAlignment);
  if (slab_ == 0 || wanted > kSlab - slab_used_) {
    pieces_.emplace_back(kSlab, what);
    slab_ = pieces_.size();
    slab_used_ = 0;
  }
  std::byte* const piece = pieces_[slab_ - 1].data() + slab_used_;
  slab_used_ += wanted;
  return piece;
}

}  // namespace quandex::cpu
