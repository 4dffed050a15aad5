// Files cut short, damaged or written by others: an Error or a header, never a crash, and no more memory than the file
// warrants.
#include <gtest/gtest.h>

#include "format/gguf.h"
#include "format/gguf_image.h"
#include "format/sample_gguf.h"
#include "support/allocation_count.h"

namespace quandex {
namespace {

enum class Outcome { loaded, refused };

// Parses and checks the memory taken: a linear function of the file, whatever its counts say. A key takes at least 14
// bytes of file and about 250 of memory (entry, its place in the index); vectors that grow double that.
Outcome parse_within_bounds(std::span<const std::byte> file) {
  constexpr size_t kPerByte = 40;
  constexpr size_t kConstant = 16384;  // messages, names
  const size_t before = test::allocated_bytes();
  Outcome outcome = Outcome::refused;
  try {
    const GgufHeader header = parse_gguf(file, "x");
    outcome = Outcome::loaded;
  } catch (const Error&) {
  }
  EXPECT_LE(test::allocated_bytes() - before, kPerByte * file.size() + kConstant);
  return outcome;
}

std::vector<std::byte> sample_file() {
  const TemporaryPath path("robustness.gguf");
  write_sample(path.get(), 32);
  return read_bytes(path.get());
}

TEST(GgufRobustness, every_truncation_of_the_header_and_every_64th_of_the_data_is_an_error) {
  const auto file = sample_file();
  const GgufHeader header = parse_gguf(file, "sample");
  const GgufTensor& last = header.tensors.back();
  const uint64_t end_of_data = header.data_offset + last.offset + last.size_bytes;
  for (size_t n = 0; n < file.size(); n += n < header.data_offset ? 1 : 64) {
    EXPECT_EQ(parse_within_bounds(std::span(file).first(n)), n < end_of_data ? Outcome::refused : Outcome::loaded) << n;
  }
  for (size_t n = end_of_data - 64; n < file.size(); ++n) {
    EXPECT_EQ(parse_within_bounds(std::span(file).first(n)), n < end_of_data ? Outcome::refused : Outcome::loaded) << n;
  }
}

TEST(GgufRobustness, no_byte_of_the_header_can_be_zeroed_or_filled_to_do_harm) {
  auto file = sample_file();
  const size_t header_bytes = parse_gguf(file, "sample").data_offset;
  size_t n_refused = 0;
  for (size_t i = 0; i < header_bytes; ++i) {
    const std::byte original = file[i];
    for (const int value : {0x00, 0xFF}) {
      file[i] = static_cast<std::byte>(value);
      n_refused += parse_within_bounds(file) == Outcome::refused ? 1 : 0;
    }
    file[i] = original;
  }
  EXPECT_GT(n_refused, header_bytes / 2);  // lengths, types and offsets are most of a header
}

TEST(GgufRobustness, eight_bytes_of_the_header_set_to_huge_numbers_do_no_harm) {
  const auto original = sample_file();
  const size_t header_bytes = parse_gguf(original, "sample").data_offset;
  for (const uint64_t value : {uint64_t{1} << 60, ~uint64_t{0} - 31}) {
    for (size_t i = 4; i + 8 <= header_bytes; ++i) {
      auto file = original;
      std::memcpy(file.data() + i, &value, sizeof(value));
      parse_within_bounds(file);
    }
  }
}

TEST(GgufSharedData, hostile_files_are_refused_or_loaded_in_bounded_memory) {
  const std::filesystem::path folder = QUANDEX_SHARED_DATA "/hostile/gguf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++n_files;
    parse_within_bounds(read_bytes(entry.path()));
    try {
      const GgufFile file(entry.path());
      for (const std::string& name : file.names()) (void)file.find(name);
    } catch (const Error&) {
    }
  }
  EXPECT_GT(n_files, 0u);
}

TEST(GgufSharedData, real_vocabularies_and_models_load) {
  const std::filesystem::path data = QUANDEX_SHARED_DATA;
  if (!std::filesystem::exists(data / "tokenizers/vocab")) GTEST_SKIP() << data << " is absent";
  for (const char* const name : {"falcon", "gpt-2", "llama-spm", "phi-3", "starcoder"}) {
    const GgufFile file(data / "tokenizers/vocab" / fmt::format("ggml-vocab-{}.gguf", name));
    EXPECT_EQ(file.names().size(), 0u);
    const auto* const tokens = file.metadata().strings("tokenizer.ggml.tokens");
    ASSERT_NE(tokens, nullptr) << name;
    EXPECT_GT(tokens->size(), 30000u) << name;
  }
  const GgufFile stories(data / "models/stories260K/stories260K.gguf");
  EXPECT_EQ(stories.metadata().integer("llama.block_count"), 5);
  const auto embedding = stories.find("token_embd.weight");
  ASSERT_TRUE(embedding.has_value());
  EXPECT_EQ(embedding->cols(), 64);
  EXPECT_THROW(GgufFile(data / "models/weight-inspect/tiny.gguf"), Error);  // its tensor data is missing
}

}  // namespace
}  // namespace quandex
