// Conversion between rows of blocks as files have them and the packed storage of pack_layout.h. Lossless: a packed
// block gives back its original bytes.
#pragma once

#include <array>
#include <cstddef>

#include "cpu/linear.h"
#include "cpu/pack_layout.h"
#include "format/dtype.h"

namespace quandex::cpu {

// Null where the format has no packed storage.
const PackedLayout* packed_layout(DType type);

size_t packed_group_bytes(const PackedLayout& layout, int cols);

// Fills one group from up to 16 rows of `cols` values; a null row becomes zeros.
void pack_group(DType type, const std::array<const std::byte*, kRowGroup>& rows, int cols, std::byte* group);

// The original bytes of one block of the group's row `lane`.
void unpack_block(DType type, const std::byte* group, int lane, int block, std::byte* out);

}  // namespace quandex::cpu
