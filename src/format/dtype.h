// Storage types and the table of formats. A format is one entry: a packed block (quant.h), a scalar decode and encode.
// From that alone it works, slowly, on every backend and in every tool; fast paths elsewhere may only change speed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quandex {

// MLX affine formats, `affine_first` to `affine_last`, are not named one by one: affine_dtype() finds them.
inline constexpr int kAffineCount = 54;  // 6 widths x 3 group sizes x 3 types of scale
enum class DType : uint8_t {
  f32,
  f16,
  bf16,
  i32,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q8_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  q8_k,
  iq4_nl,
  iq4_xs,
  tq1_0,
  tq2_0,
  mxfp4,
  q8_0_g16_f32,
  q8_0_g32_f32,
  q8_0_g64_f32,
  q8_0_g128_f32,
  affine_first,
  affine_last = affine_first + kAffineCount - 1,
};
inline constexpr int kDTypeCount = static_cast<int>(DType::affine_last) + 1;

struct Format {
  DType type;
  std::string_view name;  // as the user types and reads it: "q4_k"
  int gguf_id;            // type id in a GGUF file; kNoGgufId where it has none
  int block_values;       // values in a block; rows are whole blocks
  size_t block_bytes;
  // Files may keep the parts of all blocks apart (codes; scales; biases), each in a plane of its own. A block is the
  // concatenation of its bytes of each plane. Formats of one plane: {block_bytes, 0, 0}.
  std::array<uint16_t, 3> plane_bytes;
  void (*decode)(const std::byte* block, float* out);  // block_values floats: the definition of the format
  void (*encode)(const float* in, std::byte* block);   // null where the format is read-only or holds no reals (i32)

  constexpr int n_planes() const { return plane_bytes[1] == 0 ? 1 : plane_bytes[2] == 0 ? 2 : 3; }
};
inline constexpr int kNoGgufId = -1;

const Format& format_of(DType type);
std::span<const Format> all_formats();
std::optional<DType> dtype_from_name(std::string_view name);  // case-insensitive
std::optional<DType> dtype_from_gguf(int gguf_id);

// The name of any type id of the GGUF registry, supported or not ("iq2_xxs"), or nothing for an unknown id.
std::optional<std::string_view> gguf_type_name(int gguf_id);

// MLX's affine formats: codes of `bits` bits, a scale and a bias a group.
struct AffineLayout {
  int bits = 0;                   // 2, 3, 4, 5, 6 or 8
  int group_size = 0;             // 32, 64 or 128
  DType scale_type = DType::f16;  // of scales and biases: f16, bf16 or f32
  friend bool operator==(const AffineLayout&, const AffineLayout&) = default;
};
std::optional<DType> affine_dtype(int bits, int group_size, DType scale_type);
std::optional<AffineLayout> affine_layout(DType type);  // nothing for a type that is not affine

// qwen3.c's 8-bit format, with groups of 16, 32, 64 or 128.
std::optional<DType> q8_f32_dtype(int group_size);

// Bytes of a row of n values; n must be a multiple of the block.
size_t row_bytes(DType type, int64_t n_values);

// Whole rows: n_values is a multiple of the block.
void decode_row(DType type, std::span<const std::byte> row, std::span<float> out);
void encode_row(DType type, std::span<const float> row, std::span<std::byte> out);

}  // namespace quandex
