// Storage types and the table of formats. A format is one entry: a packed block (quant.h), a scalar decode and encode.
// From that alone it works, slowly, on every backend and in every tool; fast paths elsewhere may only change speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quandex {

enum class DType : uint8_t { f32, f16, bf16, i32, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q6_k };
inline constexpr int kDTypeCount = 11;

struct Format {
  DType type;
  std::string_view name;  // as the user types and reads it: "q4_k"
  int gguf_id;            // type id in a GGUF file
  int block_values;       // values in a block; rows are whole blocks
  size_t block_bytes;
  void (*decode)(const std::byte* block, float* out);  // block_values floats: the definition of the format
  void (*encode)(const float* in, std::byte* block);   // null where the format is read-only or holds no reals (i32)
};

const Format& format_of(DType type);
std::span<const Format> all_formats();
std::optional<DType> dtype_from_name(std::string_view name);  // case-insensitive
std::optional<DType> dtype_from_gguf(int gguf_id);

// The name of any type id of the GGUF registry, supported or not ("iq2_xxs"), or nothing for an unknown id.
std::optional<std::string_view> gguf_type_name(int gguf_id);

// Bytes of a row of n values; n must be a multiple of the block.
size_t row_bytes(DType type, int64_t n_values);

// Whole rows: n_values is a multiple of the block.
void decode_row(DType type, std::span<const std::byte> row, std::span<float> out);
void encode_row(DType type, std::span<const float> row, std::span<std::byte> out);

}  // namespace quandex
