// Encode followed by decode stays within half a step of the input, where a step is what the block's range and the
// format's levels allow, plus what rounding the scale itself can add.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "format/dtype.h"
#include "format/quant.h"
#include "format/quant_k.h"

namespace quandex {
namespace {

constexpr size_t kValues = 256;
constexpr double kF16Ulp = 0x1p-10;    // relative, of a scale rounded outwards
constexpr double kF16Least = 0x1p-24;  // the least subnormal: absolute error of tiny scales
constexpr double kF32Slack = 4 * 0x1p-24;

std::string name_with(const std::string& text, float value) { return text + " " + std::to_string(value); }

struct Case {
  std::string name;
  std::vector<float> values;
};

std::vector<Case> ordinary_cases() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<Case> cases;
  const auto add = [&cases](std::string name, auto&& value_at) {
    std::vector<float> values(kValues);
    for (size_t i = 0; i < kValues; ++i) values[i] = value_at(i);
    cases.push_back({std::move(name), std::move(values)});
  };
  for (const float scale : {1e-9f, 1e-7f, 1e-6f, 1e-4f, 0.02f, 1.0f, 300.0f, 1e5f}) {
    add(name_with("normal times", scale), [&](size_t) { return normal(random) * scale; });
  }
  for (const float value : {0.0f, 1e-30f, -1e-41f, 1e-6f, 0.1f, -0.1f, 1.0f, -3.7f, 40000.0f, -500000.0f}) {
    add(name_with("constant", value), [value](size_t) { return value; });
  }
  add("positive", [&](size_t) { return 5.0f + std::fabs(normal(random)); });
  add("negative", [&](size_t) { return -5.0f - std::fabs(normal(random)); });
  add("ramp", [](size_t i) { return static_cast<float>(i) * 0.01f - 1.0f; });
  add("one outlier", [&](size_t i) { return i == 100 ? 50.0f : normal(random) * 0.01f; });
  add("one non-zero", [](size_t i) { return i == 3 ? -0.7f : 0.0f; });
  return cases;
}

std::vector<float> round_trip(DType type, std::span<const float> values) {
  std::vector<std::byte> bytes(row_bytes(type, static_cast<int64_t>(values.size())), std::byte{0xAA});
  encode_row(type, values, bytes);
  std::vector<float> decoded(values.size());
  decode_row(type, bytes, decoded);
  return decoded;
}

struct Range {
  double low, high, largest;
};
Range range_of(std::span<const float> x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  return {*low, *high, std::max(std::fabs(*low), std::fabs(*high))};
}

double rounded_outwards(double scale) { return scale * (1 + kF16Ulp) + kF16Least; }

// Codes -half .. half - 1 with the extreme at -half: values beyond half - 0.5 on the other side lose up to a step.
double symmetric_bound(std::span<const float> block, double x, int half) {
  const Range range = range_of(block);
  const double step = rounded_outwards(range.largest / half);
  const double extreme_sign = range.largest == range.high ? 1 : -1;
  const bool is_beyond = -extreme_sign * x > (half - 0.5) * range.largest / half;
  return step * (is_beyond ? 1.0 : 0.5) + kF32Slack * range.largest;
}

double affine_bound(std::span<const float> block, double, int top) {
  const Range range = range_of(block);
  const double base_loss = std::fabs(range.low) * kF16Ulp + kF16Least;
  return rounded_outwards((range.high - range.low + base_loss) / top) / 2 + kF32Slack * range.largest;
}

double q8_0_bound(std::span<const float> block, double, int) {
  const Range range = range_of(block);
  return rounded_outwards(range.largest / 127) / 2 + kF32Slack * range.largest;
}

// The K-quants' search may move the extremes by up to a step to fit the rest better; sub-block scales and minimums then
// round to 6 or 8 bits of the largest in the block.
constexpr double kSearchGain = 1.1;  // the largest scale that the search can try, over the plain one

double q4_k_bound(std::span<const float> row, size_t i) {
  double largest_range = 0;
  double largest_min = 0;
  for (size_t j = 0; j < kValues; j += 32) {
    const Range range = range_of(row.subspan(j, 32));
    largest_range = std::max(largest_range, std::max(0.0, range.high) - std::min(0.0, range.low));
    largest_min = std::max(largest_min, -std::min(0.0, range.low));
  }
  const Range own = range_of(row.subspan(i / 32 * 32, 32));
  const double step = kSearchGain * (std::max(0.0, own.high) - std::min(0.0, own.low)) / 15;
  const double d = rounded_outwards(kSearchGain * largest_range / 15 / 63);
  const double d_min = rounded_outwards(kSearchGain * (largest_min + largest_range / 15) / 63);
  return step + 15 * d / 2 + d_min / 2 + kF32Slack * own.largest;
}

double q6_k_bound(std::span<const float> row, size_t i) {
  const Range own = range_of(row.subspan(i / 16 * 16, 16));
  const double d = rounded_outwards(kSearchGain * range_of(row).largest / 32 / 127);
  return kSearchGain * own.largest / 32 + 32 * d / 2 + kF32Slack * own.largest;
}

void expect_within(const Case& test, DType type, const auto& bound_at) {
  const auto got = round_trip(type, test.values);
  for (size_t i = 0; i < kValues; ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - test.values[i]);
    ASSERT_LE(error, bound_at(i)) << format_of(type).name << " " << test.name << " at " << i << ": " << test.values[i]
                                  << " became " << got[i];
  }
}

TEST(Encode, legacy_formats_stay_within_half_a_step) {
  struct Row {
    DType type;
    double (*bound)(std::span<const float> block, double x, int levels);
    int levels;
  };
  const Row rows[] = {{DType::q4_0, symmetric_bound, 8},
                      {DType::q5_0, symmetric_bound, 16},
                      {DType::q4_1, affine_bound, 15},
                      {DType::q5_1, affine_bound, 31},
                      {DType::q8_0, q8_0_bound, 127}};
  for (const Case& test : ordinary_cases()) {
    for (const Row& row : rows) {
      // A minimum is one f16: nothing below -65504 can be stored.
      if (row.bound == affine_bound && range_of(test.values).low < -65504) continue;
      expect_within(test, row.type, [&](size_t i) {
        return row.bound(std::span(test.values).subspan(i / 32 * 32, 32), test.values[i], row.levels);
      });
    }
  }
}

// Half a step of the scale that was stored, or beyond the ends of what the codes reach: no other code comes nearer.
TEST(Encode, k_quants_choose_the_nearest_code_of_their_stored_scales) {
  const auto expect_nearest = [](const Case& test, size_t i, double got, double scale, double offset, int low,
                                 int high) {
    const double x = test.values[i];
    double nearest = std::numeric_limits<double>::infinity();
    for (int q = low; q <= high; ++q) nearest = std::min(nearest, std::fabs(x - (scale * q - offset)));
    const double slack = kF32Slack * (std::fabs(x) + std::fabs(offset) + std::fabs(scale) * high);
    EXPECT_LE(std::fabs(x - got), nearest + slack) << test.name << ", value " << i;
  };
  for (const Case& test : ordinary_cases()) {
    BlockQ4K q4;
    encode_row(DType::q4_k, test.values, std::as_writable_bytes(std::span(&q4, 1)));
    const std::vector<float> got_q4 = round_trip(DType::q4_k, test.values);
    BlockQ6K q6;
    encode_row(DType::q6_k, test.values, std::as_writable_bytes(std::span(&q6, 1)));
    const std::vector<float> got_q6 = round_trip(DType::q6_k, test.values);
    for (size_t i = 0; i < kValues; ++i) {
      const ScaleMin packed = unpack_scale_min(q4.scales, static_cast<int>(i / 32));
      expect_nearest(test, i, got_q4[i], f32_from_f16(q4.d) * static_cast<float>(packed.scale),
                     f32_from_f16(q4.d_min) * static_cast<float>(packed.min), 0, 15);
      expect_nearest(test, i, got_q6[i], f32_from_f16(q6.d) * static_cast<float>(q6.scales[i / 16]), 0, -32, 31);
    }
  }
}

TEST(Encode, k_quants_stay_within_a_step) {
  for (const Case& test : ordinary_cases()) {
    expect_within(test, DType::q4_k, [&](size_t i) { return q4_k_bound(test.values, i); });
    expect_within(test, DType::q6_k, [&](size_t i) { return q6_k_bound(test.values, i); });
  }
}

TEST(Encode, sixteen_bit_floats_round_to_nearest) {
  for (const Case& test : ordinary_cases()) {
    const double largest = range_of(test.values).largest;
    if (largest < 65504) {
      expect_within(test, DType::f16, [&](size_t i) { return std::fabs(test.values[i]) * 0x1p-11 + 0x1p-25; });
    }
    expect_within(test, DType::bf16, [&](size_t i) { return std::fabs(test.values[i]) * 0x1p-8 + 0x1p-133; });
    expect_within(test, DType::f32, [&](size_t) { return 0.0; });
  }
}

// The stored codes are those nearest to the value by the scale and bias before rounding; these move by half a unit in
// the last place of their type (absolutely, where that is subnormal).
TEST(Encode, affine_chooses_the_nearest_code_of_its_scale_and_bias) {
  struct Rounding {
    DType type;
    double relative, least, largest;
  };
  for (const Rounding& scale_type : {Rounding{DType::f16, 0x1p-11, 0x1p-25, 65504.0},
                                     Rounding{DType::bf16, 0x1p-8, 0x1p-134, 1e38}, Rounding{DType::f32, 0, 0, 1e38}})
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      const DType type = *affine_dtype(bits, 64, scale_type.type);
      const double top = (1 << bits) - 1;
      for (const Case& test : ordinary_cases()) {
        if (range_of(test.values).largest > scale_type.largest) continue;
        expect_within(test, type, [&](size_t i) {
          const Range own = range_of(std::span(test.values).subspan(i / 64 * 64, 64));
          const double width = std::max((own.high - own.low) / top, 1e-7);
          const double steps = std::nearbyint(own.largest / width);
          const double scale = steps > 0 ? own.largest / steps : width;
          const double edge = steps > 0 ? own.largest : 0;
          // What the range loses at the far end where the scale shrank to make the near end a whole number of steps.
          const double reach = edge > 0 ? std::max(0.0, own.high - own.low - top * scale) : own.largest;
          const double rounding = scale_type.relative * (top * scale + edge) + scale_type.least * (top + 1);
          return std::max(scale / 2, reach) + rounding + kF32Slack * (top * scale + edge);
        });
      }
    }
}

TEST(Encode, q8_f32_stays_within_half_a_step) {
  for (const int group : {16, 32, 64, 128})
    for (const Case& test : ordinary_cases())
      expect_within(test, *q8_f32_dtype(group), [&](size_t i) {
        const auto size = static_cast<size_t>(group);
        const Range own = range_of(std::span(test.values).subspan(i / size * size, size));
        return own.largest / 254 + kF32Slack * own.largest + 127 * 0x1p-149;
      });
}

double relative_rmse(DType type, std::span<const float> values) {
  const auto got = round_trip(type, values);
  double error = 0;
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - values[i], 2);
    total += std::pow(static_cast<double>(values[i]), 2);
  }
  return std::sqrt(error / total);
}

TEST(Encode, more_bits_and_the_k_quant_search_lower_the_error_on_normal_weights) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> values(256 * 64);
  for (float& value : values) value = normal(random) * 0.02f;
  const double q4_0 = relative_rmse(DType::q4_0, values);
  const double q4_1 = relative_rmse(DType::q4_1, values);
  const double q4_k = relative_rmse(DType::q4_k, values);
  const double q5_0 = relative_rmse(DType::q5_0, values);
  const double q6_k = relative_rmse(DType::q6_k, values);
  const double q8_0 = relative_rmse(DType::q8_0, values);
  RecordProperty("relative_rmse_q4_k", std::to_string(q4_k));
  RecordProperty("relative_rmse_q6_k", std::to_string(q6_k));
  EXPECT_LT(q4_1, q4_0);
  EXPECT_LT(q4_k, q4_1);
  EXPECT_LT(q5_0, q4_k);
  EXPECT_LT(q6_k, q5_0 * 0.6);
  EXPECT_LT(q8_0, q6_k);
}

TEST(Encode, zero_blocks_decode_to_zero) {
  const std::vector<float> zeros(kValues, 0.0f);
  for (const Format& format : all_formats()) {
    if (!format.encode) continue;
    for (const float value : round_trip(format.type, zeros)) EXPECT_EQ(value, 0.0f) << format.name;
  }
}

TEST(Encode, any_input_gives_finite_blocks_of_the_right_sign) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kLeast = std::numeric_limits<float>::denorm_min();
  std::vector<float> values(kValues);
  for (const float extreme : {kLargest, -kLargest, kInfinity, -kInfinity, kNan, kLeast, -kLeast, 1e20f, -6e7f}) {
    for (const float other : {0.0f, 1.0f, kNan, extreme, -extreme}) {
      for (size_t i = 0; i < kValues; ++i) values[i] = i % 5 == 0 ? extreme : other;
      for (const Format& format : all_formats()) {
        if (!format.encode || format.block_values == 1) continue;
        const auto got = round_trip(format.type, values);
        for (size_t i = 0; i < kValues; ++i) {
          ASSERT_TRUE(std::isfinite(got[i])) << format.name << " " << extreme << " " << other;
          if (std::fabs(values[i]) >= 6e7f) {
            // With 2 bits around 0 MLX's quantizer gives one end half of what the other has.
            const float least = affine_layout(format.type) ? 32000.0f : 65000.0f;
            ASSERT_GT(got[i] * (values[i] > 0 ? 1.0f : -1.0f), least) << format.name << " " << extreme << " " << other;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace quandex
