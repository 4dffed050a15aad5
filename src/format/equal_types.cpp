#include "format/equal_types.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "format/half.h"
#include "format/quant.h"

namespace quandex {
namespace {

constexpr int kBlock = 32;  // values of the GGUF types below

// True for numbers that float16 has, the sign of zero included.
bool is_half(float value) {
  return std::bit_cast<uint32_t>(f32_from_f16(f16_from_f32(value))) == std::bit_cast<uint32_t>(value);
}

// Every value of a plane of reals.
bool are_halves(std::span<const std::byte> plane, DType type) {
  const size_t bytes = row_bytes(type, 1);
  float value = 0;
  for (size_t at = 0; at < plane.size(); at += bytes) {
    decode_row(type, plane.subspan(at, bytes), {&value, 1});
    if (!std::isfinite(value) || !is_half(value)) return false;
  }
  return true;
}

std::optional<DType> narrow_type(DType type) {
  if (const auto affine = affine_layout(type)) {
    if (affine->bits <= 4) return DType::q4_1;
    if (affine->bits == 5) return DType::q5_1;
    return std::nullopt;
  }
  for (const int group : {32, 64, 128})
    if (q8_f32_dtype(group) == type) return DType::q8_0;
  return std::nullopt;
}

float real_at(const std::byte* bytes, DType type) {
  float value = 0;
  decode_row(type, {bytes, row_bytes(type, 1)}, {&value, 1});
  return value;
}

// Code j of a little-endian stream of `bits` bits each.
unsigned code_at(const uint8_t* codes, int bits, int j) {
  unsigned code = 0;
  for (int b = 0; b < bits; ++b) {
    const int at = j * bits + b;
    code |= static_cast<unsigned>(codes[at / 8] >> (at % 8) & 1) << b;
  }
  return code;
}

// 32 codes of up to 5 bits as q4_1 or q5_1 have them.
template <typename Block>
void pack(const uint8_t* codes, int bits, int first, float scale, float bias, std::byte* out) {
  Block block{};
  block.d = f16_from_f32(scale);
  block.m = f16_from_f32(bias);
  for (int j = 0; j < kBlock; ++j) {
    const unsigned code = code_at(codes, bits, first + j);
    block.qs[j % 16] = static_cast<uint8_t>(block.qs[j % 16] | (code & 15u) << (j < 16 ? 0 : 4));
    if constexpr (requires { block.qh; })
      block.qh[j / 8] = static_cast<uint8_t>(block.qh[j / 8] | (code >> 4) << (j % 8));
  }
  std::memcpy(out, &block, sizeof(block));
}

void affine_row(const AffineLayout& affine, std::span<const std::byte> source, DType type, std::byte* out) {
  const size_t code_bytes = static_cast<size_t>(affine.group_size * affine.bits / 8);
  const size_t scale_bytes = row_bytes(affine.scale_type, 1);
  for (; !source.empty(); source = source.subspan(code_bytes + 2 * scale_bytes)) {
    const auto* codes = reinterpret_cast<const uint8_t*>(source.data());
    const float scale = real_at(source.data() + code_bytes, affine.scale_type);
    const float bias = real_at(source.data() + code_bytes + scale_bytes, affine.scale_type);
    for (int first = 0; first < affine.group_size; first += kBlock, out += row_bytes(type, kBlock)) {
      if (type == DType::q4_1)
        pack<BlockQ4_1>(codes, affine.bits, first, scale, bias, out);
      else
        pack<BlockQ5_1>(codes, affine.bits, first, scale, bias, out);
    }
  }
}

void q8_row(size_t group, std::span<const std::byte> source, std::byte* out) {
  for (; !source.empty(); source = source.subspan(group + sizeof(float))) {
    const uint16_t d = f16_from_f32(real_at(source.data() + group, DType::f32));
    for (size_t first = 0; first < group; first += kBlock, out += sizeof(BlockQ8_0)) {
      BlockQ8_0 block{};
      block.d = d;
      std::memcpy(block.qs, source.data() + first, kBlock);
      std::memcpy(out, &block, sizeof(block));
    }
  }
}

}  // namespace

std::optional<DType> equal_gguf_type(const HostTensor& tensor) {
  if (format_of(tensor.type).gguf_id != kNoGgufId) return tensor.type;
  const std::optional<DType> type = narrow_type(tensor.type);
  if (!type) return std::nullopt;
  const auto affine = affine_layout(tensor.type);
  const DType scale_type = affine ? affine->scale_type : DType::f32;
  for (size_t plane = 1; plane < tensor.planes.size(); ++plane)
    if (!are_halves(tensor.planes[plane], scale_type)) return std::nullopt;
  return type;
}

void copy_row_as(const HostTensor& tensor, int64_t row, DType type, std::span<std::byte> blocks) {
  CHECK(blocks.size() == row_bytes(type, tensor.cols()));
  if (type == tensor.type) return copy_row(tensor, row, blocks);
  std::vector<std::byte> source(row_bytes(tensor.type, tensor.cols()));
  copy_row(tensor, row, source);
  if (const auto affine = affine_layout(tensor.type)) return affine_row(*affine, source, type, blocks.data());
  CHECK(type == DType::q8_0);
  q8_row(static_cast<size_t>(format_of(tensor.type).block_values), source, blocks.data());
}

}  // namespace quandex
