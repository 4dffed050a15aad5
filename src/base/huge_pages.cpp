#include "base/huge_pages.h"

#include <sys/mman.h>

namespace quandex {

void advise_huge_pages([[maybe_unused]] void* start, [[maybe_unused]] size_t size_bytes, [[maybe_unused]] bool wanted) {
#if defined(MADV_HUGEPAGE) && defined(MADV_NOHUGEPAGE)
  madvise(start, size_bytes, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
}

}  // namespace quandex
