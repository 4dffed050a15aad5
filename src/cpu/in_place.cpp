#include "cpu/in_place.h"

#include <algorithm>
#include <cstdint>

#include "cpu/linear.h"

namespace quandex::cpu {
namespace {

// Lower pieces are not worth a call of a kernel each: un-permuted rows are copied, experts are not.
constexpr int64_t kLowestPiece = kRowGroup;

size_t bytes_per_row(const RowSegment& segment) { return row_bytes(segment.source->type, segment.source->cols()); }

bool is_aligned(const RowSegment& segment) {
  return reinterpret_cast<uintptr_t>(start_of(segment)) % row_alignment(segment.source->type) == 0;
}

}  // namespace

const std::byte* start_of(const RowSegment& segment) {
  return segment.source->planes[0].data() + static_cast<size_t>(segment.first_row) * bytes_per_row(segment);
}

bool follow_each_other(std::span<const RowSegment> segments) {
  const std::byte* next = start_of(segments.front());
  for (const RowSegment& segment : segments) {
    if (start_of(segment) != next) return false;
    next += static_cast<size_t>(segment.n_rows) * bytes_per_row(segment);
  }
  return true;
}

bool can_stay_in_place(std::span<const RowSegment> segments) {
  if (format_of(segments.front().source->type).n_planes() > 1) return false;  // a block lies in several places
  const auto has_bytes = [](const RowSegment& segment) { return !segment.source->planes[0].empty(); };
  if (!std::ranges::all_of(segments, has_bytes) || !std::ranges::all_of(segments, is_aligned)) return false;
  if (follow_each_other(segments)) return true;
  const int64_t height = segments.front().n_rows;
  return height >= kLowestPiece &&
         std::ranges::all_of(segments, [&](const RowSegment& segment) { return segment.n_rows == height; });
}

}  // namespace quandex::cpu
