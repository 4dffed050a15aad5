// Tensor types of the GGUF registry, also those that no code here decodes: their names for messages, their sizes for
// checking that tensors lie where a file says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quandex {

struct GgufType {
  int id;
  std::string_view name;
  int block_values;  // 0 for types that were withdrawn from the registry: size unknown
  size_t block_bytes;
};

const GgufType* find_gguf_type(uint32_t id);  // null for an unknown id

// Values of a shape; nothing when a dimension is not positive or the product leaves int64.
std::optional<int64_t> value_count(std::span<const int64_t> shape);

// Bytes of a tensor whose rows are whole blocks (its last dimension a multiple of the block); nothing on overflow.
std::optional<uint64_t> tensor_bytes(int64_t n_values, int block_values, size_t block_bytes);

}  // namespace quandex
