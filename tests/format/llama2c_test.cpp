#include "format/llama2c.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "format/gguf.h"
#include "format/gguf_image.h"
#include "format/seeded_weights.h"

namespace quandex {
namespace {

const std::filesystem::path kFixture = QUANDEX_TEST_FIXTURES "/llama2c/tiny.bin";

std::string refusal(std::span<const std::byte> file) {
  try {
    parse_llama2c_header(file, "x.bin");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::vector<std::byte> header_bytes(const std::array<int32_t, 7>& fields, size_t n_bytes = 28) {
  std::vector<std::byte> bytes(n_bytes);
  std::memcpy(bytes.data(), fields.data(), sizeof(fields));
  return bytes;
}

std::vector<float> values_of(const Llama2cFile& file, std::string_view name) {
  const HostTensor tensor = *file.find(name);
  std::vector<float> values(static_cast<size_t>(tensor.rows() * tensor.cols()));
  decode_row(tensor.type, tensor.planes[0], values);
  return values;
}

TEST(Llama2cReader, finds_every_tensor_in_its_place) {
  const Llama2cFile file(kFixture);
  EXPECT_EQ(file.names().size(), 3u + 9u * 2u);
  // Each was filled from a seed, by place in the file: 1 the embedding, 20 the final norm, 21 the unused tables.
  EXPECT_EQ(values_of(file, "token_embd.weight"), seeded_weights(1, 97 * 16, 0.5f));
  EXPECT_EQ(values_of(file, "blk.0.attn_norm.weight"), seeded_weights(2, 16, 0.25f, 1));
  EXPECT_EQ(values_of(file, "blk.1.attn_q.weight"), seeded_weights(5, 256, 0.5f));
  EXPECT_EQ(values_of(file, "blk.0.attn_k.weight"), seeded_weights(6, 128, 0.5f));
  EXPECT_EQ(values_of(file, "blk.1.ffn_norm.weight"), seeded_weights(13, 16, 0.25f, 1));
  EXPECT_EQ(values_of(file, "blk.0.ffn_down.weight"), seeded_weights(16, 512, 0.5f));
  EXPECT_EQ(values_of(file, "blk.1.ffn_up.weight"), seeded_weights(19, 512, 0.5f));
  EXPECT_EQ(values_of(file, "output_norm.weight"), seeded_weights(20, 16, 0.25f, 1));
  EXPECT_EQ(values_of(file, "output.weight"), seeded_weights(22, 97 * 16, 0.5f));
  EXPECT_EQ(file.find("blk.2.ffn_up.weight"), std::nullopt);
}

TEST(Llama2cReader, a_positive_vocabulary_means_a_shared_head) {
  const Llama2cHeader header{16, 32, 2, 2, 1, 97, 64, true};
  const auto tied = header_bytes({16, 32, 2, 2, 1, 97, 64}, llama2c_file_bytes(header));
  EXPECT_EQ(tied.size() + 4 * 97 * 16, std::filesystem::file_size(kFixture));
  EXPECT_TRUE(parse_llama2c_header(tied, "x").tied_head);
  EXPECT_TRUE(looks_like_llama2c(tied));
}

TEST(Llama2cReader, metadata_is_that_of_a_llama_gguf) {
  const Llama2cFile file(kFixture);
  EXPECT_EQ(file.metadata().string("general.architecture"), "llama");
  EXPECT_EQ(file.metadata().integer("llama.attention.head_count_kv"), 1);
  EXPECT_EQ(file.metadata().integer("llama.rope.dimension_count"), 8);
  EXPECT_EQ(file.metadata().real("llama.attention.layer_norm_rms_epsilon"), static_cast<double>(1e-5f));
  EXPECT_EQ(file.metadata().real("llama.rope.freq_base"), 1e4);
}

TEST(Llama2cReader, refuses_bad_headers_by_field) {
  const auto with = [](const std::array<int32_t, 7>& fields) { return refusal(header_bytes(fields)); };
  EXPECT_EQ(with({0, 32, 2, 2, 1, 97, 64}), "x.bin: dim is 0, expected 1 to 1048576");
  EXPECT_EQ(with({16, 32, 2, 2, 1, 0, 64}), "x.bin: vocab_size is 0, expected 1 to 16777216");
  EXPECT_EQ(with({16, 32, 2, 2, 1, INT32_MIN, 64}), "x.bin: vocab_size is -2147483648, expected 1 to 16777216");
  EXPECT_EQ(with({16, 32, 2, 3, 1, 97, 64}), "x.bin: dim is 16, expected an even number for each of 3 heads");
  EXPECT_EQ(with({16, 32, 2, 4, 3, 97, 64}), "x.bin: 4 heads cannot share 3 key/value heads");
  EXPECT_EQ(with({16, 32, 2, 2, 1, 97, -1}), "x.bin: seq_len is -1, expected 1 to 1073741824");
  EXPECT_EQ(with({16, 32, 2, 2, 1, 97, 64}),
            "x.bin: the file has 28 bytes, its llama2.c header asks for 27036: is it complete?");
  EXPECT_EQ(refusal({}), "x.bin: the file has 0 bytes, expected a llama2.c header of 28");
}

TEST(Llama2cReader, the_largest_numbers_that_pass_do_not_overflow) {
  const auto file = header_bytes({1 << 20, 1 << 24, 4096, 65536, 65536, -(1 << 24), 1 << 30});
  const unsigned __int128 dim = 1 << 20;
  const unsigned __int128 values = 2 * (unsigned __int128)(1 << 24) * dim +
                                   4096 * (2 * dim + 4 * dim * dim + 3 * dim * (1 << 24)) + dim +
                                   (unsigned __int128)(1 << 30) * 16;
  EXPECT_EQ(refusal(file), fmt::format("x.bin: the file has 28 bytes, its llama2.c header asks for {}: is it complete?",
                                       static_cast<uint64_t>(28 + 4 * values)));
}

TEST(Llama2cReader, only_the_exact_size_is_taken_for_a_checkpoint) {
  auto file = read_bytes(kFixture);
  EXPECT_TRUE(looks_like_llama2c(file));
  for (size_t n = 0; n < file.size(); ++n) ASSERT_FALSE(looks_like_llama2c(std::span(file).first(n))) << n;
  file.emplace_back();
  EXPECT_FALSE(looks_like_llama2c(file));
  EXPECT_FALSE(looks_like_llama2c(read_bytes(QUANDEX_TEST_FIXTURES "/qwen3c/tiny.bin")));
  EXPECT_FALSE(looks_like_llama2c(read_bytes(QUANDEX_TEST_FIXTURES "/golden/llama.gguf")));
}

TEST(Llama2cReader, no_bit_of_the_header_can_be_flipped_unnoticed) {
  auto file = read_bytes(kFixture);
  for (size_t bit = 0; bit < 28 * 8; ++bit) {
    const auto flip = static_cast<std::byte>(1 << (bit % 8));
    file[bit / 8] ^= flip;
    EXPECT_NE(refusal(file), "") << bit;  // every field is part of the size
    file[bit / 8] ^= flip;
  }
}

TEST(Llama2cSharedData, stories260K_has_the_weights_of_its_gguf) {
  const std::filesystem::path folder = QUANDEX_SHARED_DATA "/models/stories260K";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs " << folder;
  const Llama2cFile file(folder / "stories260K.bin");
  const GgufFile gguf(folder / "stories260K.gguf");
  for (const std::string& name : file.names()) {
    const HostTensor ours = *file.find(name);
    const auto theirs = gguf.find(name);
    ASSERT_TRUE(theirs) << name;
    EXPECT_EQ(ours.shape, theirs->shape) << name;
    EXPECT_TRUE(std::ranges::equal(ours.planes[0], theirs->planes[0])) << name;
  }
}

}  // namespace
}  // namespace quandex
