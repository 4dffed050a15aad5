// Tensor types of the GGUF registry, also those that no code here decodes: their names for messages, their sizes for
// checking that tensors lie where a file says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "format/dtype.h"

namespace quandex {

struct GgufType {
  int id;
  std::string_view name;
  int block_values;  // 0 for types that were withdrawn from the registry: size unknown
  size_t block_bytes;
  int file_type = -1;             // general.file_type of files whose matrices have this type; -1: none
  std::string_view nearest = {};  // for types that are not supported: the supported one that is most like it
};

const GgufType* find_gguf_type(uint32_t id);  // null for an unknown id

// general.file_type of a file whose matrices have this type, in its plain variant ("S" of the K-quants).
std::optional<uint32_t> gguf_file_type(DType type);

// Values of a shape; nothing when a dimension is not positive or the product leaves int64.
std::optional<int64_t> value_count(std::span<const int64_t> shape);

// Bytes of a tensor whose rows are whole blocks (its last dimension a multiple of the block); nothing on overflow.
std::optional<uint64_t> tensor_bytes(int64_t n_values, int block_values, size_t block_bytes);

}  // namespace quandex
