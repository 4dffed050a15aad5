// Which row-major uploads may stay where the file has them: rows that follow each other in memory, or pieces of equal
// height, as a file that keeps each expert apart has them. Only what a step reads of them is ever touched.
#pragma once

#include <cstddef>
#include <span>

#include "format/weight_source.h"

namespace quandex::cpu {

// The first byte of the segment's rows.
const std::byte* start_of(const RowSegment& segment);

bool follow_each_other(std::span<const RowSegment> segments);

// Whether the segments' bytes, of one type and width, can serve as a row-major matrix.
bool can_stay_in_place(std::span<const RowSegment> segments);

}  // namespace quandex::cpu
