#include "cli/roofs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/roof_kernels.h"

namespace quandex::cli {
namespace {

TEST(RoofKernels, every_way_of_reading_sees_every_word) {
  const size_t bytes = 4 * kReadGranule;
  const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, bytes), &std::free);
  uint64_t expected = 0;
  for (uint64_t i = 0; i < bytes / 8; ++i) {
    const uint64_t word = i * i + 1;
    std::memcpy(static_cast<std::byte*>(memory.get()) + i * 8, &word, 8);
    expected += word;
  }
  for (const RoofKernels& kernels : roof_kernels())
    for (const auto read : kernels.read)
      EXPECT_EQ(read(static_cast<const std::byte*>(memory.get()), bytes), expected) << isa_name(kernels.isa);
}

TEST(RoofKernels, arithmetic_loops_do_the_operations_that_they_count) {
  // Each product is 3 * 1 or 0.5 * 1; the sums of one lane tell how many were done in all lanes.
  for (const RoofKernels& kernels : roof_kernels()) {
    EXPECT_GT(kernels.int8_dot(10), 0) << isa_name(kernels.isa);
    EXPECT_EQ(kernels.int8_dot(20), 2 * kernels.int8_dot(10)) << isa_name(kernels.isa);
    EXPECT_GT(kernels.f32_multiply_add(10), 0) << isa_name(kernels.isa);
    EXPECT_EQ(kernels.f32_multiply_add(20), 2 * kernels.f32_multiply_add(10)) << isa_name(kernels.isa);
  }
}

Roofs example(double huge, double small, double int8) { return {2, 1024, huge, small, 1, {{"base", int8, 5}}}; }

TEST(Roofs, the_better_of_two_is_taken_field_by_field) {
  const Roofs best = better_of(example(1, 9, 3), example(4, 2, 8));
  EXPECT_EQ(best.huge_page_bandwidth, 4);
  EXPECT_EQ(best.small_page_bandwidth, 9);
  EXPECT_EQ(best.bandwidth(), 9);
  EXPECT_EQ(best.int8_operations(), 8);
}

TEST(Roofs, survive_the_way_through_json) {
  const Roofs roofs = example(4, 2, 8), back = roofs_from_json(roofs_to_json(roofs));
  EXPECT_EQ(roofs_to_json(back), roofs_to_json(roofs));
}

}  // namespace
}  // namespace quandex::cli
