#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "format/gguf_image.h"
#include "format/qwen3c.h"
#include "format/qwen3c_model.h"

namespace quandex {
namespace {

const std::filesystem::path kFixture = QUANDEX_TEST_FIXTURES "/qwen3c/tiny.bin";

// Fields of the header by their place.
enum Field : size_t {
  magic,
  version,
  dim,
  hidden_dim,
  n_layers,
  n_heads,
  n_kv_heads,
  vocab,
  context,
  head_dim,
  shared,
  group
};

std::vector<std::byte> with_field(std::vector<std::byte> file, Field field, int32_t value) {
  std::memcpy(file.data() + 4 * field, &value, sizeof(value));
  return file;
}

std::string refusal(std::span<const std::byte> file) {
  try {
    parse_qwen3c_header(file, "x.bin");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Qwen3cReader, the_size_of_qwen3_4b_is_known) {
  const Qwen3cHeader header{2560, 9728, 36, 32, 8, 151936, 40960, 128, true, 64};
  EXPECT_EQ(qwen3c_file_bytes(header), 4'274'448'640u);
}

TEST(Qwen3cReader, reads_every_field) {
  const auto file = read_bytes(kFixture);
  const Qwen3cHeader h = parse_qwen3c_header(file, "x.bin");
  EXPECT_EQ(h.dim, 32);
  EXPECT_EQ(h.ffn_dim, 48);
  EXPECT_EQ(h.n_layers, 2);
  EXPECT_EQ(h.n_heads, 4);
  EXPECT_EQ(h.n_kv_heads, 2);
  EXPECT_EQ(h.vocab, 640);
  EXPECT_EQ(h.n_ctx_train, 256);
  EXPECT_EQ(h.head_dim, 16);
  EXPECT_TRUE(h.tied_head);
  EXPECT_EQ(h.group_size, 16);
  EXPECT_TRUE(looks_like_qwen3c(file));
  EXPECT_FALSE(looks_like_qwen3c(std::span(file).first(3)));
  EXPECT_FALSE(looks_like_qwen3c(std::span(file).subspan(1)));
}

TEST(Qwen3cReader, refuses_bad_headers_by_field) {
  const auto file = read_bytes(kFixture);
  const auto with = [&](Field field, int32_t value) { return refusal(with_field(file, field, value)); };
  EXPECT_EQ(with(magic, 0x46554747), "x.bin: not a qwen3.c file: the magic is 0x46554747, expected 0x616A6331");
  EXPECT_EQ(with(version, 2), "x.bin: qwen3.c version 2 is not supported, expected 1");
  EXPECT_EQ(with(dim, 0), "x.bin: dim is 0, expected 1 to 1048576");
  EXPECT_EQ(with(hidden_dim, -48), "x.bin: hidden_dim is -48, expected 1 to 16777216");
  EXPECT_EQ(with(n_layers, 4097), "x.bin: n_layers is 4097, expected 1 to 4096");
  EXPECT_EQ(with(n_kv_heads, 3), "x.bin: 4 heads cannot share 3 key/value heads");
  EXPECT_EQ(with(vocab, INT32_MIN), "x.bin: vocab_size is -2147483648, expected 1 to 16777216");
  EXPECT_EQ(with(context, 0), "x.bin: max_seq_len is 0, expected 1 to 1073741824");
  EXPECT_EQ(with(head_dim, 17), "x.bin: head_dim is 17, expected an even number");
  EXPECT_EQ(with(head_dim, 65536 * 16), "x.bin: head_dim is 1048576, expected 1 to 65536");
  EXPECT_EQ(with(shared, 2), "x.bin: shared_classifier is 2, expected 0 or 1");
  EXPECT_EQ(with(group, 32), "x.bin: hidden_dim is 48, expected a multiple of group_size 32");
  EXPECT_EQ(with(group, 0), "x.bin: group_size is 0, expected 1 to 1048576");
  EXPECT_EQ(refusal(std::span(file).first(255)), "x.bin: the file has 255 bytes, expected a qwen3.c header of 256");
}

TEST(Qwen3cReader, the_largest_numbers_that_pass_do_not_overflow) {
  const Qwen3cHeader largest{1 << 20, 1 << 24, 4096, 65536, 65536, 1 << 24, 1 << 30, 16, false, 16};
  check_qwen3c_header(largest, "x", ErrorCode::invalid_file);
  const unsigned __int128 dim = 1 << 20, layer = dim * (4 * dim + 3 * (1 << 24));
  const unsigned __int128 matrices = 2 * (unsigned __int128)(1 << 24) * dim + 4096 * layer;
  const unsigned __int128 vectors = 2 * 4096 * dim + dim + 2 * 4096 * 16;
  EXPECT_TRUE(qwen3c_file_bytes(largest) == 256 + 4 * vectors + matrices + matrices / 16 * 4);
}

TEST(Qwen3cReader, a_file_of_any_other_size_is_refused_with_both_numbers) {
  const auto file = read_bytes(kFixture);
  for (size_t n = 256; n < file.size(); n += 97)
    ASSERT_NE(refusal(std::span(file).first(n))
                  .find(fmt::format("the file has {} bytes, its header asks for {}", n, file.size())),
              std::string::npos);
  auto longer = file;
  longer.emplace_back();
  EXPECT_EQ(refusal(longer), fmt::format("x.bin: the file has {} bytes, its header asks for {}: is it complete?",
                                         file.size() + 1, file.size()));
}

TEST(Qwen3cReader, no_bit_of_the_header_can_be_flipped_to_do_harm) {
  auto file = read_bytes(kFixture);
  for (size_t bit = 0; bit < 48 * 8; ++bit) {
    const auto flip = static_cast<std::byte>(1 << (bit % 8));
    file[bit / 8] ^= flip;
    try {
      // The context length alone changes nothing in the layout; other fields change the size or break a rule.
      EXPECT_EQ(qwen3c_file_bytes(parse_qwen3c_header(file, "x")), file.size());
      EXPECT_EQ(bit / 32, size_t{context}) << bit;
    } catch (const Error&) {
    }
    file[bit / 8] ^= flip;
  }
}

TEST(Qwen3cReader, finds_what_was_quantized) {
  const Qwen3cFile file(kFixture);
  const auto source = tiny_qwen3c_weights();
  EXPECT_EQ(file.names().size(), 1u + 1u + 2u * 11u);
  for (const std::string& name : file.names()) {
    const HostTensor got = *file.find(name), want = *source->find(name);
    ASSERT_EQ(got.shape, want.shape) << name;
    std::vector<float> a(static_cast<size_t>(got.cols())), b(a.size());
    for (int64_t row = 0; row < got.rows(); ++row) {
      decode_row(got, row, a);
      decode_row(want, row, b);
      for (size_t i = 0; i < a.size(); ++i)
        ASSERT_NEAR(a[i], b[i], got.shape.size() == 1 ? 0 : 0.5 / 127 * 0.5 + 1.0 / 128) << name;
    }
    file.release(name);
  }
  EXPECT_EQ(file.find("output.weight"), std::nullopt);
}

TEST(Qwen3cReader, metadata_is_that_of_a_qwen3_gguf) {
  const Qwen3cFile file(kFixture);
  EXPECT_EQ(file.metadata().string("general.architecture"), "qwen3");
  EXPECT_EQ(file.metadata().string("general.name"), "tiny");
  EXPECT_EQ(file.metadata().real("qwen3.rope.freq_base"), 1e6);
  EXPECT_EQ(file.metadata().real("qwen3.attention.layer_norm_rms_epsilon"), static_cast<double>(1e-6f));
  EXPECT_EQ(file.metadata().integer("qwen3.attention.key_length"), 16);
}

TEST(Qwen3cReader, a_group_size_that_no_format_has_is_refused) {
  const TemporaryPath path("group8.bin");
  Qwen3cHeader header = kTinyQwen3c;
  header.group_size = 8;
  auto bytes = with_field(read_bytes(kFixture), group, 8);
  bytes.resize(qwen3c_file_bytes(header));
  std::ofstream(path.get(), std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  try {
    const Qwen3cFile file(path.get());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("group_size 8 is not supported, expected 16, 32, 64 or 128"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace quandex
