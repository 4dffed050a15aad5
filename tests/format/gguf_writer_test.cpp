#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "format/gguf.h"
#include "format/gguf_image.h"
#include "format/sample_gguf.h"

namespace quandex {
namespace {

void expect_equal(const MetaValue& got, const MetaValue& want, const std::string& key) {
  ASSERT_EQ(got.type, want.type) << key;
  ASSERT_EQ(got.value.index(), want.value.index()) << key;
  if (const auto* const array = std::get_if<MetaArray>(&want.value)) {
    const auto& other = std::get<MetaArray>(got.value);
    EXPECT_EQ(other.element, array->element) << key;
    EXPECT_EQ(other.count, array->count) << key;
    EXPECT_EQ(other.scalars, array->scalars) << key;
    EXPECT_EQ(other.strings, array->strings) << key;
    return;
  }
  std::visit(
      [&](const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (!std::is_same_v<Value, MetaArray>) {
          EXPECT_EQ(std::get<Value>(got.value), value) << key;
        }
      },
      want.value);
}

TEST(GgufWriter, what_is_written_is_read_back) {
  for (const uint32_t alignment : {8u, 32u, 4096u}) {
    const TemporaryPath path("writer.gguf");
    write_sample(path.get(), alignment);
    const GgufFile file(path.get());
    const Metadata want = sample_metadata(alignment);
    ASSERT_EQ(file.metadata().entries().size(), want.entries().size());
    for (size_t i = 0; i < want.entries().size(); ++i) {
      EXPECT_EQ(file.metadata().entries()[i].first, want.entries()[i].first);
      expect_equal(file.metadata().entries()[i].second, want.entries()[i].second, want.entries()[i].first);
    }
    const auto tensors = sample_tensors();
    ASSERT_EQ(file.names().size(), tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      const auto found = file.find(tensors[i].name);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->type, tensors[i].type);
      EXPECT_EQ(found->shape, tensors[i].shape);
      const auto bytes = sample_bytes(tensors[i], static_cast<uint32_t>(i));
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), found->planes[0].begin(), found->planes[0].end()));
    }
  }
}

TEST(GgufWriter, pieces_of_any_size_give_the_same_file_and_the_stated_total) {
  const TemporaryPath whole("whole.gguf");
  write_sample(whole.get(), 32);
  const TemporaryPath pieces("pieces.gguf");
  GgufWriter writer(pieces.get(), sample_metadata(32));
  const auto tensors = sample_tensors();
  for (const SampleTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  const uint64_t total = writer.total_bytes();
  size_t piece = 1;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto bytes = sample_bytes(tensors[i], static_cast<uint32_t>(i));
    for (size_t at = 0; at < bytes.size(); at += piece, piece = piece % 97 + 1) {
      piece = std::min(piece, bytes.size() - at);
      writer.write(std::span(bytes).subspan(at, piece));
    }
  }
  writer.finish();
  EXPECT_EQ(read_bytes(pieces.get()), read_bytes(whole.get()));
  EXPECT_EQ(std::filesystem::file_size(pieces.get()), total);
}

TEST(GgufWriter, writes_files_without_tensors) {
  const TemporaryPath path("empty.gguf");
  GgufWriter writer(path.get(), sample_metadata(32));
  writer.finish();
  EXPECT_EQ(GgufFile(path.get()).names().size(), 0u);
}

TEST(GgufWriter, large_tensors_pass_through_without_being_buffered_whole) {
  const TemporaryPath path("large.gguf");
  const std::vector<float> values(3 << 20, 1.5f);  // 12 MiB, larger than the writer's buffer
  GgufWriter writer(path.get(), Metadata());
  writer.declare("small", DType::f32, {1});
  writer.declare("large", DType::f32, {3 << 20});
  writer.declare("last", DType::f32, {1});
  const float one = 1.0f;
  writer.write(std::as_bytes(std::span(&one, 1)));
  writer.write(std::as_bytes(std::span(values)));
  writer.write(std::as_bytes(std::span(&one, 1)));
  writer.finish();
  const GgufFile file(path.get());
  const auto large = file.find("large");
  EXPECT_EQ(std::memcmp(large->planes[0].data(), values.data(), large->planes[0].size()), 0);
  EXPECT_EQ(std::memcmp(file.find("last")->planes[0].data(), &one, 4), 0);
}

TEST(GgufWriter, the_file_appears_under_its_name_only_when_finished) {
  const TemporaryPath path("atomic.gguf");
  {
    GgufWriter writer(path.get(), Metadata());
    writer.declare("w", DType::f32, {2});
    EXPECT_TRUE(std::filesystem::exists(path.part()));
    const std::array<float, 1> half{1.0f};
    writer.write(std::as_bytes(std::span(half)));
    try {
      writer.finish();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), path.get().string() + ": tensor w has 4 bytes, expected 8");
    }
    EXPECT_FALSE(std::filesystem::exists(path.get()));
  }
  EXPECT_FALSE(std::filesystem::exists(path.part()));
  EXPECT_FALSE(std::filesystem::exists(path.get()));
  GgufWriter writer(path.get(), Metadata());
  writer.finish();
  EXPECT_TRUE(std::filesystem::exists(path.get()));
  EXPECT_FALSE(std::filesystem::exists(path.part()));
}

TEST(GgufWriter, refuses_what_could_not_be_read_back) {
  const TemporaryPath path("refused.gguf");
  GgufWriter writer(path.get(), Metadata());
  writer.declare("w", DType::q4_k, {2, 256});
  EXPECT_THROW(writer.declare("w", DType::f32, {2}), Error);
  EXPECT_THROW(writer.declare("", DType::f32, {2}), Error);
  EXPECT_THROW(writer.declare("\xFF", DType::f32, {2}), Error);
  EXPECT_THROW(writer.declare("a", DType::f32, {}), Error);
  EXPECT_THROW(writer.declare("a", DType::f32, {1, 1, 1, 1, 1}), Error);
  EXPECT_THROW(writer.declare("a", DType::f32, {3, 0}), Error);
  EXPECT_THROW(writer.declare("a", DType::f32, {1ll << 40, 1ll << 40}), Error);
  EXPECT_THROW(writer.declare("a", DType::f32, {1ll << 62}), Error);
  EXPECT_THROW(writer.declare("a", DType::q4_k, {2, 128}), Error);
  EXPECT_THROW(writer.write(std::vector<std::byte>(289)), Error);
  writer.write(std::vector<std::byte>(288));
  EXPECT_THROW(writer.write(std::vector<std::byte>(1)), Error);
  Metadata odd;
  odd.set_u32("general.alignment", 33);
  EXPECT_THROW(GgufWriter(path.get(), odd), Error);
  EXPECT_THROW(GgufWriter("/no/such/folder/x.gguf", Metadata()), Error);
}

TEST(GgufWriter, a_full_disk_is_an_error_and_leaves_nothing_behind) {
  const TemporaryPath path("full.gguf");
  GgufWriter writer(path.get(), Metadata());
  writer.declare("w", DType::f32, {1 << 20});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1 << 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  ErrorCode code = ErrorCode::device;
  try {
    writer.write(std::vector<std::byte>(size_t{4} << 20));
  } catch (const Error& error) {
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(code, ErrorCode::io);
  EXPECT_FALSE(std::filesystem::exists(path.part()));
}

}  // namespace
}  // namespace quandex
