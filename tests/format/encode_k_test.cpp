// Encoders that search: what the formats can hold exactly comes back exactly, and on ordinary weights the error is no
// larger than that of the plain quantizer of the same format, written here from its definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "format/dtype.h"
#include "format/quant_grid.h"
#include "format/quant_k.h"

namespace quandex {
namespace {

std::vector<float> round_trip(DType type, std::span<const float> values) {
  std::vector<std::byte> bytes(row_bytes(type, static_cast<int64_t>(values.size())), std::byte{0xAA});
  encode_row(type, values, bytes);
  std::vector<float> decoded(values.size());
  decode_row(type, bytes, decoded);
  return decoded;
}

TEST(EncodeSearch, values_that_a_format_holds_come_back_exactly) {
  std::mt19937 random(5);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (const float d : {0.25f, -0x1.4p-7f, 3.5f}) {
    std::vector<float> iq4(256), ternary(256), mxfp4(256), q8(256);
    for (size_t i = 0; i < 256; ++i) {
      iq4[i] = d * static_cast<float>(kIq4Values[i % 32 == 0 ? 0 : below(16)]);
      ternary[i] = d * static_cast<float>(below(3) - 1);
      mxfp4[i] = std::ldexp(static_cast<float>(kE2m1Twice[i % 32 == 0 ? 7 : below(16)]), static_cast<int>(i / 32) - 8);
      q8[i] = std::fabs(std::ldexp(1.0f, std::ilogb(d))) * static_cast<float>(i % 32 == 0 ? -127 : below(255) - 127);
    }
    EXPECT_EQ(round_trip(DType::iq4_nl, iq4), iq4);
    EXPECT_EQ(round_trip(DType::iq4_xs, iq4), iq4);
    EXPECT_EQ(round_trip(DType::tq1_0, ternary), ternary);
    EXPECT_EQ(round_trip(DType::tq2_0, ternary), ternary);
    EXPECT_EQ(round_trip(DType::mxfp4, mxfp4), mxfp4);
    EXPECT_EQ(round_trip(DType::q8_1, q8), q8);
    EXPECT_EQ(round_trip(DType::q8_k, q8), q8);
  }
}

TEST(EncodeSearch, sums_of_codes_are_stored_beside_them) {
  std::vector<float> values(256);
  for (size_t i = 0; i < 256; ++i) values[i] = i % 32 == 0 ? 127.0f : static_cast<float>(i % 61) - 20.0f;
  BlockQ8K large;
  encode_row(DType::q8_k, values, std::as_writable_bytes(std::span(&large, 1)));
  for (size_t j = 0; j < 16; ++j) {
    float sum = 0;
    for (size_t i = 16 * j; i < 16 * (j + 1); ++i) sum += values[i];
    EXPECT_EQ(static_cast<float>(large.sums[j]), sum);
  }
  BlockQ8_1 small;
  encode_row(DType::q8_1, std::span(values).first(32), std::as_writable_bytes(std::span(&small, 1)));
  float sum = 0;
  for (size_t i = 0; i < 32; ++i) sum += values[i];
  EXPECT_EQ(f32_from_f16(small.s), f32_from_f16(f16_from_f32(sum)));
}

// Plain quantizers: the range gives the scale, the scale is rounded as the format does, values go to the nearest code.
using Plain = std::vector<double> (*)(std::span<const float> block);

double as_f16(double value) { return f32_from_f16(f16_from_f32(static_cast<float>(value))); }

// Scale and minimum a sub-block, themselves codes 0 .. scale_top.
template <int size, int top, int scale_top>
std::vector<double> plain_affine(std::span<const float> x) {
  std::vector<double> steps, mins, out;
  for (size_t j = 0; j < x.size(); j += size) {
    const auto [low, high] =
        std::minmax_element(x.begin() + static_cast<ptrdiff_t>(j), x.begin() + static_cast<ptrdiff_t>(j + size));
    const double min = std::min(0.0, static_cast<double>(*low));
    mins.push_back(-min);
    steps.push_back((std::max(0.0, static_cast<double>(*high)) - min) / top);
  }
  const double d = as_f16(*std::max_element(steps.begin(), steps.end()) / scale_top);
  const double d_min = as_f16(*std::max_element(mins.begin(), mins.end()) / scale_top);
  for (size_t i = 0; i < x.size(); ++i) {
    const double step = d * std::nearbyint(steps[i / size] / d);
    const double min = d_min > 0 ? d_min * std::nearbyint(mins[i / size] / d_min) : 0;
    const double q = step > 0 ? std::clamp(std::nearbyint((x[i] + min) / step), 0.0, static_cast<double>(top)) : 0;
    out.push_back(step * q - min);
  }
  return out;
}

// A signed scale a sub-block of 16, itself a code -32 .. 31; codes -4 .. 3.
std::vector<double> plain_q3_k(std::span<const float> x) {
  std::vector<double> steps, out;
  for (size_t j = 0; j < x.size(); j += 16) {
    double extreme = 0;
    for (size_t i = j; i < j + 16; ++i) extreme = std::fabs(x[i]) > std::fabs(extreme) ? x[i] : extreme;
    steps.push_back(-extreme / 4);
  }
  double largest = 0;
  for (const double step : steps) largest = std::max(largest, std::fabs(step));
  const double d = as_f16(largest / 31);
  for (size_t i = 0; i < x.size(); ++i) {
    const double step = d * std::nearbyint(steps[i / 16] / d);
    out.push_back(step == 0 ? 0 : step * std::clamp(std::nearbyint(x[i] / step), -4.0, 3.0));
  }
  return out;
}

double nearest_of(double value, double scale, std::span<const int8_t> table) {
  double best = 0, least = HUGE_VAL;
  for (const int8_t entry : table)
    if (std::fabs(value - scale * entry) < least) {
      least = std::fabs(value - scale * entry);
      best = scale * entry;
    }
  return best;
}

// The extreme takes the table's first value.
std::vector<double> plain_iq4_nl(std::span<const float> x) {
  std::vector<double> out;
  for (size_t j = 0; j < x.size(); j += 32) {
    double extreme = 0;
    for (size_t i = j; i < j + 32; ++i) extreme = std::fabs(x[i]) > std::fabs(extreme) ? x[i] : extreme;
    for (size_t i = j; i < j + 32; ++i) out.push_back(nearest_of(x[i], as_f16(-extreme / 127), kIq4Values));
  }
  return out;
}

// The largest magnitude is the step.
std::vector<double> plain_ternary(std::span<const float> x) {
  double largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  const double d = as_f16(largest);
  std::vector<double> out;
  for (const float value : x) out.push_back(d * std::nearbyint(value / d));
  return out;
}

// The exponent of the largest magnitude, less that of the largest code.
std::vector<double> plain_mxfp4(std::span<const float> x) {
  std::vector<double> out;
  for (size_t j = 0; j < x.size(); j += 32) {
    double largest = 0;
    for (size_t i = j; i < j + 32; ++i) largest = std::max(largest, std::fabs(static_cast<double>(x[i])));
    const double half_scale = std::ldexp(0.5, std::ilogb(largest) - 2);
    for (size_t i = j; i < j + 32; ++i) out.push_back(nearest_of(x[i], half_scale, kE2m1Twice));
  }
  return out;
}

double squared_error(std::span<const float> x, const auto& got) {
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) error += std::pow(static_cast<double>(got[i]) - x[i], 2);
  return error;
}

TEST(EncodeSearch, error_is_at_most_that_of_the_plain_quantizer) {
  struct Row {
    DType type;
    Plain plain;
  };
  const Row rows[] = {{DType::q2_k, plain_affine<16, 3, 15>},  {DType::q3_k, plain_q3_k},
                      {DType::q4_k, plain_affine<32, 15, 63>}, {DType::q5_k, plain_affine<32, 31, 63>},
                      {DType::iq4_nl, plain_iq4_nl},           {DType::tq1_0, plain_ternary},
                      {DType::tq2_0, plain_ternary},           {DType::mxfp4, plain_mxfp4}};
  std::mt19937 random(21);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::exponential_distribution<float> exponential;
  const std::array<std::function<float()>, 4> kinds = {
      [&] { return 0.02f * normal(random); }, [&] { return uniform(random); },
      [&] { return (random() % 2 ? 1.0f : -1.0f) * exponential(random); }, [&] { return 3.0f + normal(random); }};
  for (const Row& row : rows)
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      double ours = 0, plain = 0;
      for (int block = 0; block < 64; ++block) {
        std::vector<float> x(256);
        for (float& value : x) value = kinds[kind]();
        ours += squared_error(x, round_trip(row.type, x));
        plain += squared_error(x, row.plain(x));
      }
      EXPECT_LE(ours, plain) << format_of(row.type).name << ", distribution " << kind;
      RecordProperty(std::string(format_of(row.type).name) + "_" + std::to_string(kind), std::to_string(ours / plain));
    }
}

}  // namespace
}  // namespace quandex
