// The K-quants and the formats of few values against values worked out by hand from the layout's definition.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "format/dtype.h"
#include "format/quant_grid.h"
#include "format/quant_k.h"

namespace quandex {
namespace {

constexpr uint16_t kHalf = 0x3800;  // as f16
constexpr uint16_t kQuarter = 0x3400;
constexpr uint16_t kMinus2 = 0xC000;

std::vector<float> decoded(DType type, const std::vector<uint8_t>& bytes) {
  const Format& format = format_of(type);
  EXPECT_EQ(bytes.size(), format.block_bytes);
  std::vector<float> out(static_cast<size_t>(format.block_values));
  format.decode(reinterpret_cast<const std::byte*>(bytes.data()), out.data());
  return out;
}

void append(std::vector<uint8_t>& bytes, uint16_t half) {
  bytes.push_back(static_cast<uint8_t>(half & 0xFF));
  bytes.push_back(static_cast<uint8_t>(half >> 8));
}

// Sets `bits` from bit `shift` on in a byte.
void put(uint8_t& byte, int bits, int shift) { byte = static_cast<uint8_t>(byte | (bits << shift)); }

TEST(Decode, q2_k_has_four_quarters_of_two_bits_in_each_half) {
  // Value i has the code (3 i + i / 16) mod 4; sub-block j the scale j and the minimum 15 - j.
  const auto code = [](int i) { return (3 * i + i / 16) % 4; };
  std::vector<uint8_t> bytes;
  for (int j = 0; j < 16; ++j) bytes.push_back(static_cast<uint8_t>(j | ((15 - j) << 4)));
  bytes.resize(16 + 64);
  for (int i = 0; i < 256; ++i) put(bytes[static_cast<size_t>(16 + 32 * (i / 128) + i % 32)], code(i), i / 32 % 4 * 2);
  append(bytes, kHalf);
  append(bytes, kQuarter);
  const auto x = decoded(DType::q2_k, bytes);
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(x[static_cast<size_t>(i)],
              0.5f * static_cast<float>(i / 16 * code(i)) - 0.25f * static_cast<float>(15 - i / 16))
        << i;
}

TEST(Decode, q3_k_takes_four_off_where_the_mask_bit_is_clear) {
  // Scale of sub-block j, with 32 added: 4 j + 2. Value i has the code (5 i + i / 32) mod 8 - 4.
  const auto code = [](int i) { return (5 * i + i / 32) % 8; };
  std::vector<uint8_t> bytes(110);
  for (int i = 0; i < 256; ++i) {
    put(bytes[static_cast<size_t>(i % 32)], code(i) / 4, i / 32);  // the mask
    put(bytes[static_cast<size_t>(32 + 32 * (i / 128) + i % 32)], code(i) % 4, i / 32 % 4 * 2);
  }
  for (int j = 0; j < 16; ++j) {
    const int scale = 4 * j + 2;
    put(bytes[static_cast<size_t>(96 + j % 8)], scale % 16, j < 8 ? 0 : 4);
    put(bytes[static_cast<size_t>(104 + j % 4)], scale / 16, j / 4 * 2);
  }
  std::memcpy(bytes.data() + 108, &kQuarter, 2);
  const auto x = decoded(DType::q3_k, bytes);
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(x[static_cast<size_t>(i)], 0.25f * static_cast<float>((4 * (i / 16) + 2 - 32) * (code(i) - 4))) << i;
}

TEST(Decode, q5_k_is_q4_k_with_a_fifth_bit) {
  // All scales are 3 and all minimums 5: both below 16, so no byte has upper bits.
  const auto code = [](int i) { return (11 * i + i / 32) % 32; };
  std::vector<uint8_t> bytes;
  append(bytes, kHalf);
  append(bytes, kQuarter);
  for (const auto& [n, byte] : {std::pair{4, 3}, std::pair{4, 5}, std::pair{4, 3 | 5 << 4}})
    bytes.insert(bytes.end(), static_cast<size_t>(n), static_cast<uint8_t>(byte));
  bytes.resize(16 + 32 + 128);
  for (int i = 0; i < 256; ++i) {
    put(bytes[static_cast<size_t>(16 + i % 32)], code(i) / 16, i / 32);
    put(bytes[static_cast<size_t>(48 + i / 64 * 32 + i % 32)], code(i) % 16, i / 32 % 2 * 4);
  }
  const auto x = decoded(DType::q5_k, bytes);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(x[static_cast<size_t>(i)], 1.5f * static_cast<float>(code(i)) - 1.25f) << i;
}

TEST(Decode, q8_1_and_q8_k_are_signed_bytes_times_d_whatever_their_sums) {
  std::vector<uint8_t> small;
  append(small, kQuarter);
  append(small, kMinus2);  // the sum, wrong on purpose
  for (int j = 0; j < 32; ++j) small.push_back(static_cast<uint8_t>(j * 8 - 128));
  const auto x = decoded(DType::q8_1, small);
  for (size_t j = 0; j < 32; ++j) EXPECT_EQ(x[j], (static_cast<float>(j) * 8.0f - 128.0f) * 0.25f);

  std::vector<uint8_t> large(292, 0x11);
  const float d = 0.3f;
  std::memcpy(large.data(), &d, 4);
  for (int i = 0; i < 256; ++i) large[static_cast<size_t>(4 + i)] = static_cast<uint8_t>(i - 128);
  const auto y = decoded(DType::q8_k, large);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(y[static_cast<size_t>(i)], 0.3f * static_cast<float>(i - 128));
}

constexpr std::array<float, 16> kTable = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

TEST(Decode, iq4_nl_looks_values_up_low_nibbles_first) {
  std::vector<uint8_t> bytes;
  append(bytes, kMinus2);
  for (int j = 0; j < 16; ++j) bytes.push_back(static_cast<uint8_t>(j | ((15 - j) << 4)));
  const auto x = decoded(DType::iq4_nl, bytes);
  for (size_t j = 0; j < 16; ++j) {
    EXPECT_EQ(x[j], -2.0f * kTable[j]);
    EXPECT_EQ(x[j + 16], -2.0f * kTable[15 - j]);
  }
}

TEST(Decode, iq4_xs_has_six_bit_scales_in_two_places) {
  // Scale of sub-block j, with 32 added: 9 j.
  std::vector<uint8_t> bytes(136);
  std::memcpy(bytes.data(), &kHalf, 2);
  for (int j = 0; j < 8; ++j) {
    put(bytes[static_cast<size_t>(2 + j / 4)], 9 * j / 16, j % 4 * 2);
    put(bytes[static_cast<size_t>(4 + j / 2)], 9 * j % 16, j % 2 * 4);
    for (int l = 0; l < 16; ++l)
      bytes[static_cast<size_t>(8 + 16 * j + l)] = static_cast<uint8_t>(l | ((l + j) % 16 << 4));
  }
  const auto x = decoded(DType::iq4_xs, bytes);
  for (int j = 0; j < 8; ++j)
    for (int l = 0; l < 16; ++l) {
      const float scale = 0.5f * static_cast<float>(9 * j - 32);
      EXPECT_EQ(x[static_cast<size_t>(32 * j + l)], scale * kTable[static_cast<size_t>(l)]);
      EXPECT_EQ(x[static_cast<size_t>(32 * j + 16 + l)], scale * kTable[static_cast<size_t>((l + j) % 16)]);
    }
}

// Where TQ1_0 keeps value i: digit n of a byte.
struct Digit {
  size_t byte;
  int n;
};
Digit digit_of(int i) {
  if (i < 160) return {static_cast<size_t>(i % 32), i / 32};
  if (i < 240) return {static_cast<size_t>(32 + (i - 160) % 16), (i - 160) / 16};
  return {static_cast<size_t>(48 + (i - 240) % 4), (i - 240) / 4};
}

TEST(Decode, tq1_0_has_five_digits_of_base_three_a_byte) {
  // Digits of byte b, first to last, spell a number of base 3 below 243; b is the least byte whose 256th part is at or
  // above that number's 243rd part. Digits 0, 1, 2, 1, 0 are 0*81 + 1*27 + 2*9 + 1*3 + 0 = 48: ceil(48 * 256 / 243)
  // = 51. Digits 2, 2, 2, 2, 2 are 242: 255. Digits 0, 0, 0, 0, 1 are 1: 2.
  const std::array<std::pair<uint8_t, std::array<int, 5>>, 3> patterns = {
      {{51, {0, 1, 2, 1, 0}}, {255, {2, 2, 2, 2, 2}}, {2, {0, 0, 0, 0, 1}}}};
  std::vector<uint8_t> bytes(52);
  for (size_t m = 0; m < bytes.size(); ++m) bytes[m] = patterns[m % 3].first;
  append(bytes, kHalf);
  const auto x = decoded(DType::tq1_0, bytes);
  for (int i = 0; i < 256; ++i) {
    const Digit at = digit_of(i);
    const int want = patterns[at.byte % 3].second[static_cast<size_t>(at.n)] - 1;
    EXPECT_EQ(x[static_cast<size_t>(i)], 0.5f * static_cast<float>(want)) << i;
  }
}

TEST(Decode, tq2_0_is_two_bits_less_one) {
  std::vector<uint8_t> bytes(64);
  const auto code = [](int i) { return (i + i / 32) % 4; };
  for (int i = 0; i < 256; ++i) put(bytes[static_cast<size_t>(32 * (i / 128) + i % 32)], code(i), i / 32 % 4 * 2);
  append(bytes, kMinus2);
  const auto x = decoded(DType::tq2_0, bytes);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(x[static_cast<size_t>(i)], -2.0f * static_cast<float>(code(i) - 1)) << i;
}

TEST(Decode, mxfp4_is_a_small_float_times_a_power_of_two) {
  constexpr std::array<float, 8> kE2m1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (const int e : {0, 1, 2, 126, 127, 130, 251}) {
    std::vector<uint8_t> bytes = {static_cast<uint8_t>(e)};
    for (int j = 0; j < 16; ++j) bytes.push_back(static_cast<uint8_t>(j | ((15 - j) << 4)));
    const auto x = decoded(DType::mxfp4, bytes);
    for (size_t j = 0; j < 16; ++j) {
      const float value = std::ldexp(kE2m1[j % 8], e - 127) * (j < 8 ? 1.0f : -1.0f);
      EXPECT_EQ(x[j], value) << e;
      EXPECT_EQ(x[31 - j], value) << e;
    }
  }
  std::vector<uint8_t> bytes(17, 0x00);
  bytes[0] = 0xFF;
  for (const float value : decoded(DType::mxfp4, bytes)) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace quandex
