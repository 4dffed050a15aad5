// GGUF types that hold exactly the values of formats that GGUF does not have.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "format/dtype.h"
#include "format/weight_source.h"

namespace quandex {

// The GGUF type whose blocks can hold the tensor's values bit for bit: the type itself where GGUF has it; for MLX's
// affine formats of 2 to 5 bits q4_1 or q5_1, and for qwen3.c's 8-bit format q8_0, where every scale (and bias) is a
// float16 number, which is looked up. Nothing where there is no such type.
std::optional<DType> equal_gguf_type(const HostTensor& tensor);

// One row in that type; `blocks` holds row_bytes(type, cols).
void copy_row_as(const HostTensor& tensor, int64_t row, DType type, std::span<std::byte> blocks);

}  // namespace quandex
