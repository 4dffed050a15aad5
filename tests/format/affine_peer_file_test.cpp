// The affine formats beside mlx (tools/make_affine_fixtures.py): its quantizer's blocks and their values.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "format/dtype.h"

namespace quandex {
namespace {

std::vector<std::byte> bytes_of(const nlohmann::json& hexadecimal) {
  const auto text = hexadecimal.get<std::string>();
  std::vector<std::byte> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return bytes;
}

std::vector<float> reals_of(const nlohmann::json& hexadecimal, DType type) {
  const std::vector<std::byte> bytes = bytes_of(hexadecimal);
  std::vector<float> values(bytes.size() / format_of(type).block_bytes);
  decode_row(type, bytes, values);
  return values;
}

nlohmann::json fixture() {
  std::ifstream stream(QUANDEX_TEST_FIXTURES "/affine/affine.json");
  return nlohmann::json::parse(stream).at("formats");
}

TEST(AffinePeerFile, every_affine_format_encodes_to_the_bytes_that_mlx_makes) {
  const nlohmann::json formats = fixture();
  ASSERT_EQ(formats.size(), static_cast<size_t>(kAffineCount));
  for (const auto& [name, group] : formats.items()) {
    const auto type = dtype_from_name(name);
    ASSERT_TRUE(type && affine_layout(*type)) << name;
    const std::vector<float> values = reals_of(group.at("values"), affine_layout(*type)->scale_type);
    std::vector<std::byte> block(format_of(*type).block_bytes);
    ASSERT_EQ(values.size(), static_cast<size_t>(format_of(*type).block_values));
    encode_row(*type, values, block);
    EXPECT_EQ(block, bytes_of(group.at("block"))) << name;
  }
}

// mlx computes in the type of the scales: with f32 the bits are equal, else it rounds the product, then the sum.
TEST(AffinePeerFile, every_affine_format_decodes_to_what_mlx_rounds) {
  const nlohmann::json formats = fixture();
  for (const auto& [name, group] : formats.items()) {
    const DType type = *dtype_from_name(name), scale_type = affine_layout(type)->scale_type;
    const std::vector<std::byte> block = bytes_of(group.at("block"));
    const std::vector<float> want = reals_of(group.at("decoded"), scale_type);
    std::vector<float> got(want.size());
    ASSERT_EQ(block.size(), format_of(type).block_bytes);
    decode_row(type, block, got);
    float bias = 0;
    const size_t scale_bytes = format_of(scale_type).block_bytes;
    format_of(scale_type).decode(block.data() + block.size() - scale_bytes, &bias);
    const double unit = scale_type == DType::f32 ? 0 : scale_type == DType::f16 ? 0x1p-11 : 0x1p-8;
    for (size_t i = 0; i < want.size(); ++i) {
      const double product = std::fabs(static_cast<double>(got[i]) - bias);
      const double sum = std::fabs(static_cast<double>(got[i])) + unit * product;
      EXPECT_LE(std::fabs(static_cast<double>(got[i]) - want[i]),
                unit * (product + sum) * (1 + 0x1p-20) + (unit > 0 ? 0x1p-24 : 0))
          << name << " " << i;
    }
  }
}

}  // namespace
}  // namespace quandex
