// Files cut short, damaged or hostile: an Error or a header that fits the file, never a crash, and no more memory than
// the file warrants.
#include <gtest/gtest.h>

#include "base/error.h"
#include "format/safetensors.h"
#include "format/safetensors_image.h"
#include "support/allocation_count.h"

namespace quandex {
namespace {

// Parses, checks that the tensors fill the file and that the memory asked for is a linear function of the file. The
// costliest text is an array of digits: two bytes each for a value of 16, which doubling vectors ask for up to four
// times over, once when the array grows and once when the library takes it apart, and a dimension of 8: 68 a byte.
bool parses_within_bounds(std::string_view image) {
  constexpr size_t kPerByte = 68;
  constexpr size_t kConstant = 16384;  // messages, names
  const size_t before = test::allocated_bytes();
  bool parses = false;
  try {
    const SafetensorsHeader header = parse_safetensors_header(as_file(image), "x");
    parses = true;
    uint64_t end = header.data_offset;
    for (const SafetensorsTensor& tensor : header.tensors) {
      EXPECT_LE(tensor.offset + tensor.bytes.size(), image.size());
      EXPECT_EQ(tensor.bytes.data(), as_file(image).data() + tensor.offset);
      end += tensor.bytes.size();
    }
    EXPECT_EQ(end, image.size());
  } catch (const Error&) {
  }
  EXPECT_LE(test::allocated_bytes() - before, kPerByte * image.size() + kConstant);
  return parses;
}

std::string sample() {
  return SafetensorsImage()
      .metadata("format", "pt")
      .tensor("model.embed_tokens.weight", "BF16", {4, 3})
      .tensor("model.norm.weight", "F32", {3})
      .tensor("none", "I8", {0, 2})
      .tensor("lm_head.weight", "F16", {4, 3})
      .bytes();
}

TEST(SafetensorsRobustness, allocations_are_counted_where_no_sanitizer_counts_them) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's operator new is in place of ours";
  const size_t before = test::allocated_bytes();
  parse_safetensors_header(as_file(sample()), "x");
  EXPECT_GT(test::allocated_bytes(), before);
}

TEST(SafetensorsRobustness, every_truncation_is_an_error) {
  const std::string image = sample();
  ASSERT_TRUE(parses_within_bounds(image));
  for (size_t n = 0; n < image.size(); ++n) EXPECT_FALSE(parses_within_bounds(image.substr(0, n))) << n;
  EXPECT_FALSE(parses_within_bounds(image + '\0'));
}

TEST(SafetensorsRobustness, a_flipped_bit_of_the_header_is_an_error_or_a_header_that_fits_the_file) {
  std::string image = sample();
  const size_t header_bytes = parse_safetensors_header(as_file(image), "x").data_offset;
  size_t n_refused = 0;
  for (size_t bit = 0; bit < header_bytes * 8; ++bit) {
    const auto mask = static_cast<char>(1 << bit % 8);
    image[bit / 8] = static_cast<char>(image[bit / 8] ^ mask);
    n_refused += parses_within_bounds(image) ? 0 : 1;
    image[bit / 8] = static_cast<char>(image[bit / 8] ^ mask);
  }
  EXPECT_GT(n_refused, header_bytes * 8 / 3);  // what is left are letters of names
}

TEST(SafetensorsRobustness, a_flipped_bit_of_the_data_changes_no_more_than_that_bit) {
  const std::string original = sample();
  const SafetensorsHeader expected = parse_safetensors_header(as_file(original), "x");
  for (size_t bit = expected.data_offset * 8; bit < original.size() * 8; ++bit) {
    std::string image = original;
    image[bit / 8] = static_cast<char>(image[bit / 8] ^ 1 << bit % 8);
    const SafetensorsHeader found = parse_safetensors_header(as_file(image), "x");
    ASSERT_EQ(found.tensors.size(), expected.tensors.size());
    size_t n_different = 0;
    for (size_t i = 0; i < found.tensors.size(); ++i) {
      ASSERT_EQ(found.tensors[i].shape, expected.tensors[i].shape);
      ASSERT_EQ(found.tensors[i].bytes.size(), expected.tensors[i].bytes.size());
      for (size_t j = 0; j < found.tensors[i].bytes.size(); ++j) {
        n_different += found.tensors[i].bytes[j] != expected.tensors[i].bytes[j] ? 1 : 0;
      }
    }
    EXPECT_EQ(n_different, 1u);
  }
}

TEST(SafetensorsRobustness, hostile_headers_take_memory_in_proportion) {
  std::string zeros = R"({"a":{"dtype":"U8","data_offsets":[0,0],"shape":[0)", keys = "{", tensors = "{", empty = "{";
  for (int i = 0; i < 20000; ++i) {
    zeros += ",0";
    keys += "\"\":0,";
    tensors += fmt::format(R"("{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},)", i);
    empty += fmt::format("\"{}\":[],", i);
  }
  tensors.back() = '}';
  EXPECT_TRUE(parses_within_bounds(safetensors_image(zeros + "]}}")));
  EXPECT_TRUE(parses_within_bounds(safetensors_image(tensors)));
  for (const std::string& header :
       {zeros, keys, keys + "\"\":0}", empty, empty + "\"x\":[]}", "{\"" + std::string(100000, 'x'),
        "{\"a\":" + std::string(100000, '['), "{" + std::string(100000, ' ')}) {
    EXPECT_FALSE(parses_within_bounds(safetensors_image(header)));
  }
}

}  // namespace
}  // namespace quandex
