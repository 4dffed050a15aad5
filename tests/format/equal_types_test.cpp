// Formats that GGUF does not have, copied into GGUF types that hold the same numbers.
#include "format/equal_types.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "format/half.h"
#include "format/quant.h"

namespace quandex {
namespace {

constexpr int64_t kRows = 3, kCols = 256;

// A matrix of random blocks in planes, as files keep them.
struct Planes {
  std::array<std::vector<std::byte>, 3> bytes;
  HostTensor tensor;
};

void append_real(std::vector<std::byte>& plane, DType type, float value) {
  std::array<std::byte, 4> bytes{};
  const auto n = static_cast<std::ptrdiff_t>(row_bytes(type, 1));
  encode_row(type, {&value, 1}, std::span(bytes).first(static_cast<size_t>(n)));
  plane.insert(plane.end(), bytes.begin(), bytes.begin() + n);
}

// Every code of every width comes up, and scales of both signs; `real` draws the scales and biases.
template <typename Real>
Planes random_planes(DType type, DType scale_type, size_t n_real_planes, Real real) {
  Planes made;
  std::mt19937 random(7);
  const Format& format = format_of(type);
  const auto n_blocks = static_cast<size_t>(kRows * kCols / format.block_values);
  for (size_t i = 0; i < n_blocks * format.plane_bytes[0]; ++i)
    made.bytes[0].push_back(static_cast<std::byte>(random() & 255));
  for (size_t plane = 1; plane <= n_real_planes; ++plane)
    for (size_t i = 0; i < n_blocks; ++i) append_real(made.bytes[plane], scale_type, real(random));
  made.tensor.type = type;
  made.tensor.shape = {kRows, kCols};
  for (size_t p = 0; p < 3; ++p) made.tensor.planes[p] = made.bytes[p];
  return made;
}

// A float16 number that bfloat16 has too: 8 bits of mantissa, exponents of both.
float narrow_half(std::mt19937& random) {
  const auto mantissa = static_cast<float>(128 + random() % 128);
  return (random() % 2 ? 1.0f : -1.0f) * std::ldexp(mantissa, -14 - static_cast<int>(random() % 4));
}

void expect_equal_bit_for_bit(const HostTensor& tensor, DType expected) {
  const auto type = equal_gguf_type(tensor);
  ASSERT_TRUE(type.has_value()) << format_of(tensor.type).name;
  EXPECT_EQ(*type, expected) << format_of(tensor.type).name;
  std::vector<std::byte> blocks(row_bytes(*type, kCols));
  std::vector<float> source(kCols), copy(kCols);
  for (int64_t row = 0; row < kRows; ++row) {
    decode_row(tensor, row, source);
    copy_row_as(tensor, row, *type, blocks);
    decode_row(*type, blocks, copy);
    for (size_t i = 0; i < source.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(source[i]), std::bit_cast<uint32_t>(copy[i]))
          << format_of(tensor.type).name << " row " << row << " value " << i << ": " << source[i];
  }
}

std::vector<DType> affine_types(std::initializer_list<int> widths) {
  std::vector<DType> types;
  for (const int bits : widths)
    for (const int group : {32, 64, 128})
      for (const DType scale : {DType::f16, DType::bf16, DType::f32})
        types.push_back(*affine_dtype(bits, group, scale));
  return types;
}

TEST(EqualTypes, affine_of_2_to_5_bits_with_float16_scales_is_q4_1_or_q5_1_bit_for_bit) {
  for (const DType type : affine_types({2, 3, 4, 5})) {
    const AffineLayout layout = *affine_layout(type);
    expect_equal_bit_for_bit(random_planes(type, layout.scale_type, 2, narrow_half).tensor,
                             layout.bits == 5 ? DType::q5_1 : DType::q4_1);
  }
}

TEST(EqualTypes, smallest_largest_and_zero_scales_stay_what_they_are) {
  int i = 0;
  const auto extreme = [&](std::mt19937&) {
    constexpr std::array<float, 6> kValues{0x1p-24f, -65504.0f, 0.0f, -0.0f, 0x1p-14f, 1.0f};
    return kValues[static_cast<size_t>(i++) % kValues.size()];
  };
  for (const DType scale : {DType::f16, DType::f32})
    expect_equal_bit_for_bit(random_planes(*affine_dtype(4, 32, scale), scale, 2, extreme).tensor, DType::q4_1);
}

TEST(EqualTypes, groups_of_8_bit_codes_with_float16_scales_are_q8_0_bit_for_bit) {
  for (const int group : {32, 64, 128})
    expect_equal_bit_for_bit(random_planes(*q8_f32_dtype(group), DType::f32, 1, narrow_half).tensor, DType::q8_0);
}

TEST(EqualTypes, one_scale_that_float16_lacks_leaves_no_equal_type) {
  for (const float odd : {0.1f, 0x1p-25f, 65536.0f, 1.0f + 0x1p-11f, INFINITY, NAN}) {
    const auto last_is_odd = [&](int& n, int count) {
      return [&n, count, odd](std::mt19937& random) { return ++n == count ? odd : narrow_half(random); };
    };
    for (const int group : {32, 64, 128}) {
      const int n_groups = static_cast<int>(kRows * kCols) / group;
      for (const int place : {1, n_groups, 2 * n_groups}) {  // the first scale, the last one, the last bias
        int n = 0;
        const DType type = *affine_dtype(4, group, DType::f32);
        EXPECT_EQ(equal_gguf_type(random_planes(type, DType::f32, 2, last_is_odd(n, place)).tensor), std::nullopt)
            << odd << " at " << place;
      }
      int n = 0;
      EXPECT_EQ(equal_gguf_type(random_planes(*q8_f32_dtype(group), DType::f32, 1, last_is_odd(n, n_groups)).tensor),
                std::nullopt)
          << odd;
    }
  }
}

TEST(EqualTypes, widths_and_groups_beyond_gguf_have_none) {
  for (const DType type : affine_types({6, 8}))
    EXPECT_EQ(equal_gguf_type(random_planes(type, affine_layout(type)->scale_type, 2, narrow_half).tensor),
              std::nullopt)
        << format_of(type).name;
  // Groups of 16 are smaller than q8_0's blocks.
  EXPECT_EQ(equal_gguf_type(random_planes(*q8_f32_dtype(16), DType::f32, 1, narrow_half).tensor), std::nullopt);
}

TEST(EqualTypes, types_of_gguf_are_their_own_equals) {
  HostTensor tensor;
  for (const DType type : {DType::f32, DType::bf16, DType::q4_k, DType::mxfp4}) {
    tensor.type = type;
    EXPECT_EQ(equal_gguf_type(tensor), type);
  }
}

}  // namespace
}  // namespace quandex
