// The matrix kernels of every level that this machine has, for every format.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cpu/linear.h"
#include "cpu/linear_cases.h"
#include "support/formats.h"

namespace quandex::cpu {
namespace {

class LinearTest : public testing::TestWithParam<std::tuple<IsaLevel, DType, bool>> {
 protected:
  LinearCase with_shape(int rows, int cols) const {
    const auto& [level, type, exact] = GetParam();
    return {.level = level, .type = type, .exact_activations = exact, .rows = rows, .cols = cols};
  }
  // Widths that are multiples of nothing but the block.
  std::vector<int> widths() const {
    const int block = format_of(std::get<1>(GetParam())).block_values;
    if (block == 1) return {1, 7, 33, 100, 257};
    return {block, 3 * block, block == 32 ? 11 * block : 5 * block};
  }
  bool is_quantized() const { return format_of(std::get<1>(GetParam())).block_values > 1; }
};

TEST_P(LinearTest, product_is_within_the_computed_tolerance) {
  for (const int rows : {1, 15, 17, 100})
    for (const int cols : widths()) EXPECT_EQ(check_product(with_shape(rows, cols)), "");
}

TEST_P(LinearTest, long_rows_and_many_groups_are_within_the_computed_tolerance) {
  EXPECT_EQ(check_product(with_shape(17, is_quantized() ? 5376 : 5381)), "");
  EXPECT_EQ(check_product(with_shape(300, is_quantized() ? 256 : 61)), "");
}

TEST_P(LinearTest, batch_and_split_change_no_bit) {
  for (const int rows : {1, 17, 100})
    for (const int cols : widths()) EXPECT_EQ(check_batch_invariance(with_shape(rows, cols)), "");
  EXPECT_EQ(check_batch_invariance(with_shape(19, is_quantized() ? 5376 : 5381)), "");
}

TEST_P(LinearTest, bias_and_accumulation_are_applied_once) {
  for (const int rows : {7, 50}) EXPECT_EQ(check_bias_and_add(with_shape(rows, 256)), "");
}

TEST_P(LinearTest, a_token_that_is_not_finite_stays_alone) { EXPECT_EQ(check_not_finite(with_shape(20, 256)), ""); }

TEST_P(LinearTest, unpacked_rows_equal_decoded_rows) {
  for (const int rows : {1, 33})
    for (const int cols : widths()) EXPECT_EQ(check_unpacking(with_shape(rows, cols)), "");
}

// Exact activations are a case of their own only where others would be quantized.
std::vector<LinearTest::ParamType> all_cases() {
  std::vector<LinearTest::ParamType> cases;
  for (const IsaLevel level : supported_isa_levels())
    for (const Format& format : representative_formats()) {
      cases.emplace_back(level, format.type, false);
      if (is_packed(format.type, /*exact_activations=*/false)) cases.emplace_back(level, format.type, true);
    }
  return cases;
}

std::string name_of(const testing::TestParamInfo<LinearTest::ParamType>& info) {
  const auto& [level, type, exact] = info.param;
  return std::string(isa_name(level)) + "_" + std::string(format_of(type).name) + (exact ? "_exact" : "");
}

INSTANTIATE_TEST_SUITE_P(all, LinearTest, testing::ValuesIn(all_cases()), name_of);

constexpr DType kPackedTypes[] = {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k};

TEST(LinearIntegers, extreme_codes_do_not_saturate) {
  for (const IsaLevel level : supported_isa_levels())
    for (const DType type : kPackedTypes)
      EXPECT_EQ(check_extreme_codes({.level = level, .type = type, .rows = 17, .cols = 512}), "");
}

TEST(LinearStorage, packing_costs_at_most_three_percent) {
  for (const DType type : kPackedTypes) {
    const WeightMatrix packed{.type = type, .packed = true, .rows = 1024, .cols = 2048, .data = nullptr};
    const WeightMatrix rows{.type = type, .packed = false, .rows = 1024, .cols = 2048, .data = nullptr};
    EXPECT_LE(static_cast<double>(stored_bytes(packed)), 1.03 * static_cast<double>(stored_bytes(rows)));
  }
}

}  // namespace
}  // namespace quandex::cpu
