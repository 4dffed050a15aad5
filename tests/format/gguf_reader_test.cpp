#include <gtest/gtest.h>

#include <source_location>

#include "format/gguf.h"
#include "format/gguf_image.h"

namespace quandex {
namespace {

using Dims = std::vector<uint64_t>;

// A file with one tensor of the given description and `data_bytes` of data.
GgufImage with_tensor(const Dims& dims, uint32_t type, uint64_t offset, size_t data_bytes) {
  GgufImage image;
  image.header(1, 0).tensor("w", dims, type, offset).pad().zeros(data_bytes);
  return image;
}

void expect_refused(const GgufImage& image, const std::string& text,
                    std::source_location place = std::source_location::current()) {
  const std::string message = image.refusal();
  EXPECT_EQ(message.rfind("model.gguf: ", 0), 0u) << "line " << place.line() << ": " << message;
  EXPECT_NE(message.find(text), std::string::npos) << "line " << place.line() << ": " << message;
}

TEST(GgufReader, reads_both_versions_and_reverses_dimensions) {
  for (const uint32_t version : {2u, 3u}) {
    GgufImage image;
    image.header(2, 1, version).key_u32("llama.block_count", 7);
    image.tensor("a", {3, 2}, 0, 0).tensor("b", {32}, 8, 32).pad().zeros(32 + 34);
    const GgufHeader header = image.parse();
    EXPECT_EQ(header.version, version);
    EXPECT_EQ(header.metadata.integer("llama.block_count"), 7);
    EXPECT_EQ(header.tensors[0].shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(header.tensors[0].size_bytes, 24u);
    EXPECT_EQ(header.tensors[1].size_bytes, 34u);
    EXPECT_EQ(header.data_offset % 32, 0u);
  }
}

TEST(GgufReader, padding_after_the_last_tensor_may_be_missing_but_no_data) {
  EXPECT_EQ(with_tensor({3}, 0, 0, 12).refusal(), "");
  expect_refused(with_tensor({3}, 0, 0, 11), "tensor w takes 12 bytes at offset 0, the file has 11");
}

TEST(GgufReader, files_without_tensors_need_no_padding) {
  GgufImage image;
  image.header(0, 1).key_u32("k", 1);
  EXPECT_EQ(image.refusal(), "");
  EXPECT_EQ(GgufImage().header(0, 0).refusal(), "");
}

TEST(GgufReader, refuses_what_is_not_gguf_and_other_versions) {
  expect_refused(GgufImage(), "magic at byte 0 needs 4 bytes, the file has 0 left");
  expect_refused(GgufImage().raw("ggml    "), "not a GGUF file: it starts with bytes 67 67 6d 6c, expected \"GGUF\"");
  expect_refused(GgufImage().header(0, 0, 1), "GGUF version 1 is not supported, expected 2 or 3");
  expect_refused(GgufImage().header(0, 0, 4), "GGUF version 4 is not supported");
  expect_refused(GgufImage().header(0, 0, 0), "GGUF version 0 is not supported");
}

TEST(GgufReader, names_big_endian_files) {
  for (const uint32_t version : {0x02000000u, 0x03000000u}) {
    expect_refused(GgufImage().header(0, 0, version), "big-endian GGUF files are not supported");
  }
}

TEST(GgufReader, refuses_counts_that_the_file_cannot_hold) {
  constexpr uint64_t kHuge = 1ull << 60;
  expect_refused(GgufImage().header(kHuge, 0), "tensor count is 1152921504606846976, more than the 8 bytes left");
  expect_refused(GgufImage().header(0, kHuge), "key count is 1152921504606846976, more than the 0 bytes left");
  GgufImage strings;
  strings.header(0, 1).text("tokens").u32(9).u32(8).u64(kHuge).zeros(100);
  expect_refused(strings,
                 "key tokens is an array of 1152921504606846976 string elements, more than the 100 bytes left");
  GgufImage numbers;
  numbers.header(0, 1).text("scores").u32(9).u32(6).u64(26).zeros(100);
  expect_refused(numbers, "key scores is an array of 26 f32 elements, more than the 100 bytes left");
  GgufImage text;
  text.header(0, 1).text("name").u32(8).u64(~0ull).zeros(20);
  expect_refused(text, "needs 18446744073709551615 bytes, the file has 20 left");
}

TEST(GgufReader, refuses_bad_keys_and_values) {
  expect_refused(GgufImage().header(0, 2).key_u32("a", 1).key_u32("a", 2), "key a appears twice");
  expect_refused(GgufImage().header(0, 1).key_u32("", 1).zeros(1), "is empty");
  expect_refused(GgufImage().header(0, 1).key_u32("a\xFF", 1), "is not valid UTF-8");
  expect_refused(GgufImage().header(0, 1).key_u32(std::string(65536, 'k'), 1), "65536 bytes long, expected at most");
  expect_refused(GgufImage().header(0, 1).text("a").u32(13).zeros(8), "key a has the unknown type id 13");
  expect_refused(GgufImage().header(0, 1).text("a").u32(7).u8(2), "key a is a bool of value 2, expected 0 or 1");
  expect_refused(GgufImage().header(0, 1).text("a").u32(9).u32(9).u64(0), "key a is an array of arrays");
  expect_refused(GgufImage().header(0, 1).text("a").u32(9).u32(99).u64(0), "key a has the unknown type id 99");
  expect_refused(GgufImage().header(0, 1).text("a").u32(9).u32(7).u64(2).u8(1).u8(3), "key a holds a bool");
}

TEST(GgufReader, refuses_alignments_that_are_not_powers_of_two_from_8) {
  for (const uint32_t alignment : {0u, 1u, 4u, 24u, 33u, 0xFFFFFFFFu}) {
    expect_refused(GgufImage().header(0, 1).key_u32("general.alignment", alignment),
                   "key general.alignment is " + std::to_string(alignment) + ", expected a power of two");
  }
  expect_refused(GgufImage().header(0, 1).text("general.alignment").u32(8).text("32"),
                 "key general.alignment is string, expected an integer");
  GgufImage image;
  image.header(1, 1).key_u32("general.alignment", 8).tensor("w", {1}, 0, 0).pad(8).zeros(4);
  EXPECT_EQ(image.parse().data_offset % 8, 0u);
}

TEST(GgufReader, refuses_bad_shapes) {
  expect_refused(with_tensor({}, 0, 0, 64), "tensor w has 0 dimensions, expected 1 to 4");
  expect_refused(with_tensor({1, 1, 1, 1, 1}, 0, 0, 64), "tensor w has 5 dimensions, expected 1 to 4");
  expect_refused(with_tensor({4, 0}, 0, 0, 64), "tensor w has a dimension of 0");
  expect_refused(with_tensor({1ull << 63}, 0, 0, 64), "has a dimension of 9223372036854775808");
  expect_refused(with_tensor({1ull << 32, 1ull << 31}, 0, 0, 64), "tensor w has more than 2^63 - 1 values");
  expect_refused(with_tensor({1ull << 62}, 0, 0, 64), "tensor w has more than 2^64 - 1 bytes");
  expect_refused(with_tensor({48, 2}, 2, 0, 64), "tensor w has rows of 48 values, expected a multiple of 32 for q4_0");
  expect_refused(with_tensor({128, 2}, 16, 0, 256), "expected a multiple of 256 for iq2_xxs");
}

TEST(GgufReader, refuses_bad_types_offsets_and_names) {
  expect_refused(with_tensor({4}, 43, 0, 64), "tensor w has the unknown type id 43");
  expect_refused(with_tensor({4}, 0xFFFFFFFF, 0, 64), "tensor w has the unknown type id 4294967295");
  expect_refused(with_tensor({4}, 0, 16, 64), "tensor w has offset 16, expected a multiple of 32");
  expect_refused(with_tensor({4}, 0, 64, 64), "tensor w takes 16 bytes at offset 64, the file has 64 bytes");
  expect_refused(with_tensor({4}, 0, ~0ull - 31, 64), "tensor w takes 16 bytes at offset 18446744073709551584");
  GgufImage twice;
  twice.header(2, 0).tensor("w", {4}, 0, 0).tensor("w", {4}, 0, 32).pad().zeros(64);
  expect_refused(twice, "tensor w appears twice");
  GgufImage nameless;
  nameless.header(1, 0).tensor("", {4}, 0, 0).pad().zeros(64);
  expect_refused(nameless, "tensor name at byte 32 is empty");
}

TEST(GgufReader, refuses_overlapping_tensors_in_any_order) {
  GgufImage image;
  image.header(3, 0).tensor("a", {16}, 0, 64).tensor("b", {8}, 0, 96).tensor("c", {17}, 0, 0).pad().zeros(128);
  expect_refused(image, "tensors c and a overlap");
  GgufImage same;
  same.header(2, 0).tensor("a", {4}, 0, 0).tensor("b", {4}, 0, 0).pad().zeros(64);
  expect_refused(same, "overlap");
}

TEST(GgufReader, messages_show_hostile_names_harmlessly) {
  GgufImage image;
  image.header(2, 0).tensor("\x1b[2Jw", {4}, 0, 0).tensor("\x1b[2Jw", {4}, 0, 32).pad().zeros(64);
  expect_refused(image, "tensor ?[2Jw appears twice");
  const std::string long_name(5000, 'n');
  GgufImage long_image;
  long_image.header(2, 0).tensor(long_name, {4}, 0, 0).tensor(long_name, {4}, 0, 32).pad().zeros(64);
  EXPECT_LT(long_image.refusal().size(), 200u);
}

class GgufFileTest : public testing::Test {
 protected:
  void write(const GgufImage& image) {
    std::ofstream file(path_.get(), std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.bytes().data()), static_cast<std::streamsize>(image.bytes().size()));
  }
  TemporaryPath path_{"gguf_file_test.gguf"};
};

TEST_F(GgufFileTest, finds_tensors_in_place_and_still_after_release) {
  GgufImage image;
  image.header(2, 0).tensor("a", {2, 3}, 0, 0).tensor("b", {2}, 26, 32).pad().zeros(32).u32(5).u32(6);
  write(image);
  const GgufFile file(path_.get());
  EXPECT_EQ(file.size_bytes(), image.bytes().size());
  EXPECT_EQ(file.description(), path_.get().string());
  ASSERT_EQ(file.names().size(), 2u);
  EXPECT_EQ(file.names()[1], "b");
  EXPECT_EQ(file.find("c"), std::nullopt);
  for (int i = 0; i < 2; ++i) {
    const auto b = file.find("b");
    ASSERT_TRUE(b.has_value());
    EXPECT_EQ(b->type, DType::i32);
    ASSERT_EQ(b->planes[0].size(), 8u);
    EXPECT_EQ(std::to_integer<int>(b->planes[0][4]), 6);
    EXPECT_TRUE(b->planes[1].empty());
    file.release("b");
    file.release("no such tensor");
  }
  EXPECT_EQ(file.find("a")->rows(), 3);
  EXPECT_EQ(file.find("a")->cols(), 2);
}

TEST_F(GgufFileTest, tensors_of_types_known_by_name_only_are_refused_when_asked_for) {
  GgufImage image;
  image.header(2, 0).tensor("old", {32}, 4, 0).tensor("w", {256, 2}, 16, 0).pad().zeros(132);
  write(image);
  const GgufFile file(path_.get());
  EXPECT_EQ(file.header().tensors[0].size_bytes, 0u);
  EXPECT_EQ(file.header().tensors[1].size_bytes, 132u);
  try {
    (void)file.find("w");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_EQ(
        std::string(error.what()),
        path_.get().string() + ": tensor w has type iq2_xxs, which is not supported; the nearest supported is q2_k");
  }
  EXPECT_THROW((void)file.find("old"), Error);
}

TEST_F(GgufFileTest, missing_and_empty_files_are_errors) {
  EXPECT_THROW(GgufFile("/no/such/model.gguf"), Error);
  write(GgufImage());
  EXPECT_THROW(GgufFile{path_.get()}, Error);
}

TEST(GgufErrors, carry_a_code_that_tells_bad_files_from_unsupported_ones) {
  const auto code_of = [](const GgufImage& image) {
    try {
      image.parse();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::device;
  };
  EXPECT_EQ(code_of(GgufImage().header(0, 0, 0x03000000u)), ErrorCode::unsupported);
  EXPECT_EQ(code_of(with_tensor({4}, 99, 0, 64)), ErrorCode::unsupported);
  EXPECT_EQ(code_of(with_tensor({4}, 0, 0, 3)), ErrorCode::invalid_file);
}

}  // namespace
}  // namespace quandex
