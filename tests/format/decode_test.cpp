// Every format's decode against values worked out by hand from the layout's definition.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "format/dtype.h"
#include "format/gguf_types.h"
#include "format/quant.h"
#include "format/quant_k.h"

namespace quandex {
namespace {

constexpr uint16_t kHalf = 0x3800;  // as f16
constexpr uint16_t kQuarter = 0x3400;
constexpr uint16_t kEighth = 0x3000;
constexpr uint16_t kOne = 0x3C00;
constexpr uint16_t kMinus2 = 0xC000;

std::vector<uint8_t> bytes_of(std::initializer_list<uint16_t> halves, std::initializer_list<uint8_t> more = {}) {
  std::vector<uint8_t> bytes;
  for (const uint16_t half : halves) {
    bytes.push_back(static_cast<uint8_t>(half & 0xFF));
    bytes.push_back(static_cast<uint8_t>(half >> 8));
  }
  bytes.insert(bytes.end(), more);
  return bytes;
}

std::vector<float> decoded(DType type, const std::vector<uint8_t>& bytes) {
  const Format& format = format_of(type);
  EXPECT_EQ(bytes.size(), format.block_bytes);
  std::vector<float> out(static_cast<size_t>(format.block_values));
  format.decode(reinterpret_cast<const std::byte*>(bytes.data()), out.data());
  return out;
}

void append_repeated(std::vector<uint8_t>& bytes, size_t n, uint8_t value) { bytes.insert(bytes.end(), n, value); }

TEST(Decode, f32_f16_bf16_and_i32_are_the_number) {
  EXPECT_EQ(decoded(DType::f32, {0x00, 0x00, 0x20, 0xC1})[0], -10.0f);
  EXPECT_EQ(decoded(DType::f16, bytes_of({kMinus2}))[0], -2.0f);
  EXPECT_EQ(decoded(DType::bf16, {0x20, 0xC1})[0], -10.0f);
  EXPECT_EQ(decoded(DType::i32, {0xFE, 0xFF, 0xFF, 0xFF})[0], -2.0f);
}

TEST(Decode, q4_0_is_nibble_minus_8_times_d_low_nibbles_first) {
  auto bytes = bytes_of({kHalf});
  for (int j = 0; j < 16; ++j) bytes.push_back(static_cast<uint8_t>(j | ((15 - j) << 4)));
  const auto x = decoded(DType::q4_0, bytes);
  for (size_t j = 0; j < 16; ++j) {
    EXPECT_EQ(x[j], (static_cast<float>(j) - 8.0f) * 0.5f);
    EXPECT_EQ(x[j + 16], (7.0f - static_cast<float>(j)) * 0.5f);
  }
}

TEST(Decode, q4_1_is_nibble_times_d_plus_m) {
  auto bytes = bytes_of({kQuarter, kMinus2});
  for (int j = 0; j < 16; ++j) bytes.push_back(static_cast<uint8_t>(j | (3 << 4)));
  const auto x = decoded(DType::q4_1, bytes);
  for (size_t j = 0; j < 16; ++j) {
    EXPECT_EQ(x[j], static_cast<float>(j) * 0.25f - 2.0f);
    EXPECT_EQ(x[j + 16], -1.25f);
  }
}

TEST(Decode, q5_0_takes_fifth_bits_of_value_j_from_bit_j) {
  auto bytes = bytes_of({kOne}, {0x01, 0x80, 0x01, 0x80});  // bits 0, 15, 16 and 31
  append_repeated(bytes, 16, 0x21);
  const auto x = decoded(DType::q5_0, bytes);
  for (size_t j = 0; j < 32; ++j) {
    const float low = j < 16 ? 1.0f : 2.0f;
    const bool has_fifth = j == 0 || j == 15 || j == 16 || j == 31;
    EXPECT_EQ(x[j], low + (has_fifth ? 0.0f : -16.0f)) << j;
  }
}

TEST(Decode, q5_1_is_five_bits_times_d_plus_m) {
  auto bytes = bytes_of({kHalf, kMinus2}, {0x02, 0x00, 0x04, 0x00});  // bits 1 and 18
  append_repeated(bytes, 16, 0x43);
  const auto x = decoded(DType::q5_1, bytes);
  for (size_t j = 0; j < 32; ++j) {
    const float low = j < 16 ? 3.0f : 4.0f;
    const float q = low + (j == 1 || j == 18 ? 16.0f : 0.0f);
    EXPECT_EQ(x[j], q * 0.5f - 2.0f) << j;
  }
}

TEST(Decode, q8_0_is_signed_byte_times_d) {
  auto bytes = bytes_of({kQuarter});
  for (int j = 0; j < 32; ++j) bytes.push_back(static_cast<uint8_t>(j * 8 - 128));
  const auto x = decoded(DType::q8_0, bytes);
  for (size_t j = 0; j < 32; ++j) EXPECT_EQ(x[j], (static_cast<float>(j) * 8.0f - 128.0f) * 0.25f);
}

TEST(Decode, q4_k_unpacks_eight_scales_and_minimums) {
  // Sub-block scales 1 2 3 4 | 5 22 39 56 and minimums 8 7 6 5 | 4 19 34 49: the upper four are split into low nibbles
  // (bytes 8-11) and top two bits (bytes 0-3 for scales, 4-7 for minimums).
  auto bytes = bytes_of({kHalf, kEighth});
  const std::array<int, 8> scales = {1, 2, 3, 4, 5, 22, 39, 56};
  const std::array<int, 8> mins = {8, 7, 6, 5, 4, 19, 34, 49};
  for (const int b : {1 | (0 << 6), 2 | (1 << 6), 3 | (2 << 6), 4 | (3 << 6)}) bytes.push_back(static_cast<uint8_t>(b));
  for (const int b : {8 | (0 << 6), 7 | (1 << 6), 6 | (2 << 6), 5 | (3 << 6)}) bytes.push_back(static_cast<uint8_t>(b));
  for (const int b : {5 | (4 << 4), 6 | (3 << 4), 7 | (2 << 4), 8 | (1 << 4)}) bytes.push_back(static_cast<uint8_t>(b));
  for (int i = 0; i < 128; ++i) bytes.push_back(static_cast<uint8_t>((i % 16) | (((i + 5) % 16) << 4)));
  const auto x = decoded(DType::q4_k, bytes);
  for (size_t i = 0; i < 256; ++i) {
    const size_t j = i / 32;
    const size_t byte = 32 * (j / 2) + i % 32;
    const auto q = static_cast<float>(j % 2 == 0 ? byte % 16 : (byte + 5) % 16);
    const float want = 0.5f * static_cast<float>(scales[j]) * q - 0.125f * static_cast<float>(mins[j]);
    EXPECT_EQ(x[i], want) << i;
  }
}

TEST(Decode, q6_k_joins_four_low_and_two_high_bits) {
  // Value i has the code (7 i) mod 64; sub-block j has the scale 3 j - 20.
  BlockQ6K block{};
  for (int i = 0; i < 256; ++i) {
    const int q = (7 * i) % 64;
    const int l = i % 32;
    const int part = (i / 32) % 4;  // of the 128 values
    const int half = i / 128;
    uint8_t& ql = block.ql[64 * half + (part % 2) * 32 + l];
    ql = static_cast<uint8_t>(ql | ((q % 16) << (part / 2 * 4)));
    uint8_t& qh = block.qh[32 * half + l];
    qh = static_cast<uint8_t>(qh | ((q / 16) << (2 * part)));
  }
  for (int j = 0; j < 16; ++j) block.scales[j] = static_cast<int8_t>(3 * j - 20);
  block.d = 0x3400;  // 0.25
  std::vector<uint8_t> bytes(sizeof(block));
  std::memcpy(bytes.data(), &block, sizeof(block));
  EXPECT_EQ(bytes[208], 0x00);
  EXPECT_EQ(bytes[209], 0x34);
  const auto x = decoded(DType::q6_k, bytes);
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(x[static_cast<size_t>(i)], 0.25f * static_cast<float>((3 * (i / 16) - 20) * ((7 * i) % 64 - 32))) << i;
  }
}

TEST(FormatTable, names_ids_and_sizes_agree_with_the_gguf_registry) {
  for (const Format& format : all_formats()) {
    EXPECT_EQ(dtype_from_name(format.name), format.type);
    EXPECT_EQ(&format_of(format.type), &format);
    EXPECT_EQ(format.encode == nullptr, format.type == DType::i32);
    if (format.gguf_id == kNoGgufId) continue;
    const GgufType* const type = find_gguf_type(static_cast<uint32_t>(format.gguf_id));
    ASSERT_NE(type, nullptr) << format.name;
    EXPECT_EQ(type->name, format.name);
    EXPECT_EQ(type->block_values, format.block_values);
    EXPECT_EQ(type->block_bytes, format.block_bytes);
    EXPECT_EQ(dtype_from_gguf(format.gguf_id), format.type);
    EXPECT_EQ(format.n_planes(), 1) << format.name;
  }
  EXPECT_EQ(dtype_from_gguf(kNoGgufId), std::nullopt);
  EXPECT_EQ(dtype_from_name("Q4_K"), DType::q4_k);
  EXPECT_EQ(dtype_from_name("q4_kk"), std::nullopt);
  EXPECT_EQ(dtype_from_gguf(16), std::nullopt);
  EXPECT_EQ(gguf_type_name(16), "iq2_xxs");
  EXPECT_EQ(gguf_type_name(42), "q2_0");
  EXPECT_EQ(gguf_type_name(43), std::nullopt);
  EXPECT_EQ(gguf_type_name(-1), std::nullopt);
}

TEST(FormatTable, every_type_of_the_registry_is_supported_or_has_a_nearest_that_is) {
  for (uint32_t id = 0; find_gguf_type(id) != nullptr; ++id) {
    const GgufType& type = *find_gguf_type(id);
    const bool is_supported = dtype_from_gguf(static_cast<int>(id)).has_value();
    EXPECT_EQ(type.nearest.empty(), is_supported) << type.name;
    if (is_supported) continue;
    const auto nearest = dtype_from_name(type.nearest);
    ASSERT_TRUE(nearest.has_value()) << type.name;
    EXPECT_NE(format_of(*nearest).gguf_id, kNoGgufId) << type.name;
    EXPECT_EQ(type.file_type, -1) << type.name;
  }
  EXPECT_EQ(gguf_file_type(DType::q4_k), 14u);
  EXPECT_EQ(gguf_file_type(DType::mxfp4), 38u);
  EXPECT_EQ(gguf_file_type(DType::q8_1), std::nullopt);
  EXPECT_EQ(gguf_file_type(DType::affine_first), std::nullopt);
}

TEST(FormatTable, rows_are_blocks_one_after_another_at_any_address) {
  EXPECT_EQ(row_bytes(DType::q4_k, 512), 288u);
  EXPECT_EQ(row_bytes(DType::f16, 7), 14u);
  std::vector<float> values(96);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 32) - 16.0f + static_cast<float>(i / 32);
  std::vector<std::byte> bytes(1 + row_bytes(DType::q5_0, 96));  // one byte off alignment
  const std::span<std::byte> row = std::span(bytes).subspan(1);
  encode_row(DType::q5_0, values, row);
  std::vector<float> whole(96);
  decode_row(DType::q5_0, row, whole);
  for (size_t b = 0; b < 3; ++b) {
    std::array<float, 32> one{};
    format_of(DType::q5_0).decode(row.data() + 22 * b, one.data());
    for (size_t i = 0; i < 32; ++i) EXPECT_EQ(one[i], whole[32 * b + i]);
  }
}

}  // namespace
}  // namespace quandex
