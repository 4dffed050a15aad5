#include "format/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace quandex {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The value of a finite f16 from the definition, in double.
double f16_value(int bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, every_finite_f16_has_its_defined_value_and_survives_the_round_trip) {
  for (int bits = 0; bits < 65536; ++bits) {
    if (((bits >> 10) & 31) == 31) continue;
    const float value = f32_from_f16(static_cast<uint16_t>(bits));
    ASSERT_EQ(static_cast<double>(value), f16_value(bits)) << bits;
    ASSERT_EQ(std::signbit(value), bits >= 0x8000) << bits;
    ASSERT_EQ(f16_from_f32(value), bits);
  }
}

TEST(Half, f16_rounds_to_nearest_and_ties_to_even) {
  for (int bits = 0; bits < 0x7BFF; ++bits) {
    const auto tie = static_cast<float>((f16_value(bits) + f16_value(bits + 1)) / 2);  // exact in a float
    const int even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(f16_from_f32(tie), even);
    ASSERT_EQ(f16_from_f32(std::nextafter(tie, 0.0f)), bits);
    ASSERT_EQ(f16_from_f32(std::nextafter(tie, kInfinity)), bits + 1);
    ASSERT_EQ(f16_from_f32(-tie), even | 0x8000);
  }
}

TEST(Half, f16_ends_of_the_range) {
  EXPECT_EQ(f16_from_f32(65504.0f), 0x7BFF);
  EXPECT_EQ(f16_from_f32(std::nextafter(65520.0f, 0.0f)), 0x7BFF);
  EXPECT_EQ(f16_from_f32(65520.0f), 0x7C00);
  EXPECT_EQ(f16_from_f32(-kInfinity), 0xFC00);
  EXPECT_EQ(f16_from_f32(1e-30f), 0);
  EXPECT_EQ(f16_from_f32(-std::numeric_limits<float>::denorm_min()), 0x8000);
  EXPECT_EQ(f32_from_f16(0x7C00), kInfinity);
  EXPECT_EQ(f32_from_f16(0xFC00), -kInfinity);
}

TEST(Half, nan_stays_nan) {
  for (const uint32_t bits : {0x7FC00000u, 0x7F800001u, 0xFFFFFFFFu, 0x7F802000u}) {
    EXPECT_TRUE(std::isnan(f32_from_f16(f16_from_f32(f32_from_bits(bits))))) << bits;
    EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(f32_from_bits(bits))))) << bits;
  }
  for (uint32_t bits = 0x7C01; bits < 0x8000; ++bits) {
    ASSERT_TRUE(std::isnan(f32_from_f16(static_cast<uint16_t>(bits)))) << bits;
  }
}

TEST(Half, bf16_rounds_to_nearest_and_ties_to_even) {
  for (uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    ASSERT_EQ(f32_from_bf16(static_cast<uint16_t>(bits)), f32_from_bits(bits << 16));
    const float tie = f32_from_bits((bits << 16) | 0x8000u);
    ASSERT_EQ(bf16_from_f32(tie), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(bf16_from_f32(std::nextafter(tie, 0.0f)), bits);
    ASSERT_EQ(bf16_from_f32(std::nextafter(tie, kInfinity)), bits + 1);
    ASSERT_EQ(bf16_from_f32(f32_from_bits((bits << 16) | 0x80000000u)), bits | 0x8000u);
  }
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(bf16_from_f32(-kInfinity), 0xFF80);
}

}  // namespace
}  // namespace quandex
