// The formats that files keep in several planes: their names, their decode by hand, and rows gathered from planes.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "format/dtype.h"
#include "format/half.h"
#include "format/weight_source.h"

namespace quandex {
namespace {

constexpr int kAffineBits[] = {2, 3, 4, 5, 6, 8};

// The code of value j in the hand-made blocks below.
unsigned code_at(int bits, int j) { return static_cast<unsigned>(j * 7 + j / 8 * 3 + 1) % (1u << bits); }

// Code by code, bit by bit: value j takes bits j * bits and on, least significant first.
std::vector<std::byte> stream_of_codes(int bits, int n) {
  std::vector<std::byte> bytes(static_cast<size_t>(n * bits / 8));
  for (int j = 0; j < n; ++j)
    for (int b = 0; b < bits; ++b) {
      const int at = j * bits + b;
      if (code_at(bits, j) >> b & 1) bytes[static_cast<size_t>(at / 8)] |= std::byte{1} << (at % 8);
    }
  return bytes;
}

void append_real(std::vector<std::byte>& bytes, DType type, float value) {
  std::vector<std::byte> stored(format_of(type).block_bytes);
  format_of(type).encode(&value, stored.data());
  bytes.insert(bytes.end(), stored.begin(), stored.end());
}

TEST(Planes, every_affine_format_has_its_name_and_its_layout) {
  std::set<DType> seen;
  for (const int bits : kAffineBits)
    for (const int group : {32, 64, 128})
      for (const DType scale : {DType::f16, DType::bf16, DType::f32}) {
        const auto type = affine_dtype(bits, group, scale);
        ASSERT_TRUE(type.has_value());
        EXPECT_TRUE(seen.insert(*type).second);
        const Format& format = format_of(*type);
        const std::string name =
            "affine" + std::to_string(bits) + "_g" + std::to_string(group) + "_" + std::string(format_of(scale).name);
        EXPECT_EQ(format.name, name);
        EXPECT_EQ(dtype_from_name(name), type);
        EXPECT_EQ(affine_layout(*type), (AffineLayout{bits, group, scale}));
        EXPECT_EQ(format.n_planes(), 3);
        EXPECT_EQ(format.plane_bytes[0], group * bits / 8);
        EXPECT_EQ(format.plane_bytes[1], format_of(scale).block_bytes);
        EXPECT_EQ(format.plane_bytes[2], format_of(scale).block_bytes);
      }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kAffineCount));
  EXPECT_EQ(affine_dtype(7, 64, DType::f16), std::nullopt);
  EXPECT_EQ(affine_dtype(4, 16, DType::f16), std::nullopt);
  EXPECT_EQ(affine_dtype(4, 64, DType::q4_0), std::nullopt);
  EXPECT_EQ(affine_layout(DType::q4_1), std::nullopt);
}

TEST(Planes, affine_is_code_times_scale_plus_bias_from_a_stream_of_bits) {
  for (const int bits : kAffineBits)
    for (const DType scale : {DType::f16, DType::bf16, DType::f32}) {
      const Format& format = format_of(*affine_dtype(bits, 32, scale));
      std::vector<std::byte> block = stream_of_codes(bits, 32);
      append_real(block, scale, -0.375f);
      append_real(block, scale, 2.5f);
      ASSERT_EQ(block.size(), format.block_bytes);
      std::vector<float> out(32);
      format.decode(block.data(), out.data());
      for (int j = 0; j < 32; ++j)
        EXPECT_EQ(out[static_cast<size_t>(j)], 2.5f - 0.375f * static_cast<float>(code_at(bits, j))) << format.name;
    }
}

TEST(Planes, affine_rounds_the_product_before_the_sum) {
  // 3 * 0x1.555556p-2 is 1 + 2^-25, which rounds to 1: the sum is 0. A fused operation would keep the rest.
  std::vector<std::byte> block(8);
  block[0] = std::byte{3};
  append_real(block, DType::f32, 0x1.555556p-2f);
  append_real(block, DType::f32, -1.0f);
  std::vector<float> out(32);
  format_of(*affine_dtype(2, 32, DType::f32)).decode(block.data(), out.data());
  EXPECT_EQ(out[0], 0.0f);
  EXPECT_EQ(out[1], -1.0f);
}

TEST(Planes, q8_f32_is_signed_code_times_scale) {
  for (const int group : {16, 32, 64, 128}) {
    const auto type = q8_f32_dtype(group);
    ASSERT_TRUE(type.has_value());
    const Format& format = format_of(*type);
    EXPECT_EQ(format.name, "q8_0_g" + std::to_string(group) + "_f32");
    EXPECT_EQ(format.n_planes(), 2);
    std::vector<std::byte> block;
    for (int j = 0; j < group; ++j) block.push_back(static_cast<std::byte>(j * 5 - 128));
    append_real(block, DType::f32, 0.1f);
    std::vector<float> out(static_cast<size_t>(group));
    format.decode(block.data(), out.data());
    for (int j = 0; j < group; ++j)
      EXPECT_EQ(out[static_cast<size_t>(j)], static_cast<float>(static_cast<int8_t>(j * 5 - 128)) * 0.1f);
  }
  EXPECT_EQ(q8_f32_dtype(256), std::nullopt);
}

// Two rows of two groups: planes as a file has them, and the blocks they mean.
struct TwoRows {
  DType type = *affine_dtype(3, 32, DType::bf16);
  std::array<std::vector<std::byte>, 3> planes;
  HostTensor tensor;

  TwoRows() {
    for (int group = 0; group < 4; ++group) {
      for (int b = 0; b < 12; ++b) planes[0].push_back(static_cast<std::byte>(group * 16 + b));
      append_real(planes[1], DType::bf16, static_cast<float>(group + 1));
      append_real(planes[2], DType::bf16, static_cast<float>(-group));
    }
    tensor.type = type;
    tensor.shape = {2, 64};
    for (size_t p = 0; p < 3; ++p) tensor.planes[p] = planes[p];
  }
};

TEST(Planes, a_row_is_gathered_as_blocks_and_split_back) {
  const TwoRows two;
  EXPECT_EQ(two.tensor.size_bytes(), 2 * row_bytes(two.type, 64));
  std::array<std::vector<std::byte>, 3> split;
  for (const int row : {0, 1}) {
    std::vector<std::byte> blocks(row_bytes(two.type, 64));
    copy_row(two.tensor, row, blocks);
    for (int block = 0; block < 2; ++block) {
      const int group = 2 * row + block;
      std::vector<std::byte> want;
      for (int b = 0; b < 12; ++b) want.push_back(static_cast<std::byte>(group * 16 + b));
      append_real(want, DType::bf16, static_cast<float>(group + 1));
      append_real(want, DType::bf16, static_cast<float>(-group));
      EXPECT_EQ(std::memcmp(want.data(), blocks.data() + 16 * block, 16), 0) << group;
    }
    std::vector<float> whole(64), decoded(64);
    decode_row(two.tensor, row, whole);
    decode_row(two.type, blocks, decoded);
    EXPECT_EQ(whole, decoded);
    append_to_planes(two.type, blocks, split);
  }
  EXPECT_EQ(split, two.planes);
}

TEST(Planes, rows_are_held_only_where_every_plane_has_them) {
  TwoRows two;
  EXPECT_TRUE(holds_rows(two.tensor, 2));
  EXPECT_FALSE(holds_rows(two.tensor, 3));
  for (size_t p = 0; p < 3; ++p) {
    HostTensor shorter = two.tensor;
    shorter.planes[p] = shorter.planes[p].first(shorter.planes[p].size() - 1);
    EXPECT_FALSE(holds_rows(shorter, 2)) << p;
    EXPECT_TRUE(holds_rows(shorter, 1)) << p;
  }
}

}  // namespace
}  // namespace quandex
