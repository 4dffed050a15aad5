#include "format/gguf_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "format/gguf.h"
#include "format/safetensors_image.h"
#include "format/sample_gguf.h"

namespace quandex {
namespace {

// What a part says of itself; the tests put it wrong.
struct PartKeys {
  std::optional<uint64_t> number, count;
  std::optional<int64_t> n_tensors;
};

std::string part_name(int number, int count) { return fmt::format("model-{:05}-of-{:05}.gguf", number, count); }

void write_part(const std::filesystem::path& path, Metadata metadata, const PartKeys& keys,
                const std::vector<SampleTensor>& tensors) {
  if (keys.number) metadata.set("split.no", {MetaType::u16, *keys.number});
  if (keys.count) metadata.set("split.count", {MetaType::u16, *keys.count});
  if (keys.n_tensors) metadata.set("split.tensors.count", {MetaType::i32, *keys.n_tensors});
  GgufWriter writer(path, std::move(metadata));
  for (const SampleTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (const SampleTensor& tensor : tensors) {
    writer.write(sample_bytes(tensor, static_cast<uint32_t>(std::hash<std::string>()(tensor.name))));
  }
  writer.finish();
}

// Three parts: the sample's metadata and five tensors; none; the rest.
class SplitSample {
 public:
  explicit SplitSample(const std::string& name) : folder_(name) {
    const auto all = sample_tensors();
    tensors_[0].assign(all.begin(), all.begin() + 5);
    tensors_[2].assign(all.begin() + 5, all.end());
    for (int i = 0; i < 3; ++i) {
      keys_[static_cast<size_t>(i)] = {static_cast<uint64_t>(i), 3, static_cast<int64_t>(all.size())};
    }
  }

  PartKeys& keys(size_t part) { return keys_[part]; }
  std::vector<SampleTensor>& tensors(size_t part) { return tensors_[part]; }
  std::filesystem::path path(int number) const { return folder_.path() / part_name(number, 3); }

  void write() const {
    for (size_t i = 0; i < 3; ++i) {
      write_part(path(static_cast<int>(i) + 1), i == 0 ? sample_metadata(64) : Metadata(), keys_[i], tensors_[i]);
    }
  }

  // The message that opening a part ends in, with "FOLDER" for the folder; "" when it does not.
  std::string refusal(int number, ErrorCode code = ErrorCode::invalid_file) const {
    try {
      const GgufFile file(path(number));
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      std::string message = error.what();
      const std::string folder = folder_.path().string();
      for (size_t at; (at = message.find(folder)) != std::string::npos;) message.replace(at, folder.size(), "FOLDER");
      return message;
    }
  }

 private:
  TemporaryFolder folder_;
  PartKeys keys_[3];
  std::vector<SampleTensor> tensors_[3];
};

TEST(GgufSplit, any_part_opens_the_whole) {
  const SplitSample sample("any_part");
  sample.write();
  for (int number = 1; number <= 3; ++number) {
    const GgufFile file(sample.path(number));
    ASSERT_EQ(file.files().size(), 3u);
    EXPECT_EQ(file.description(), sample.path(number).string());
    ASSERT_EQ(file.names().size(), sample_tensors().size());
    uint64_t n_bytes = 0;
    for (const auto& path : file.files()) n_bytes += std::filesystem::file_size(path);
    EXPECT_EQ(file.size_bytes(), n_bytes);
    for (size_t i = 0; i < file.names().size(); ++i) {
      const SampleTensor expected = sample_tensors()[i];
      EXPECT_EQ(file.names()[i], expected.name);
      EXPECT_EQ(file.header().tensors[i].part, i < 5 ? 0u : 2u);
      const auto found = file.find(expected.name);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->shape, expected.shape);
      const auto bytes = sample_bytes(expected, static_cast<uint32_t>(std::hash<std::string>()(expected.name)));
      file.release(expected.name);
      EXPECT_TRUE(std::equal(found->planes[0].begin(), found->planes[0].end(), bytes.begin(), bytes.end()));
    }
    EXPECT_FALSE(file.find("no such tensor").has_value());
  }
}

TEST(GgufSplit, metadata_is_that_of_the_first_part_without_the_keys_of_the_split) {
  const SplitSample sample("metadata");
  sample.write();
  const GgufFile file(sample.path(2));
  EXPECT_EQ(file.header().alignment, 64u);
  const Metadata expected = sample_metadata(64);
  ASSERT_EQ(file.metadata().entries().size(), expected.entries().size());
  for (size_t i = 0; i < expected.entries().size(); ++i) {
    EXPECT_EQ(file.metadata().entries()[i].first, expected.entries()[i].first);
  }
}

TEST(GgufSplit, files_that_are_no_parts_open_as_they_are) {
  const TemporaryFolder folder("no_parts");
  const std::vector<SampleTensor> tensors = {{"a", DType::f32, {2}}};
  for (const PartKeys& keys : {PartKeys{}, PartKeys{{}, {}, 7}, PartKeys{0, 1, 1}, PartKeys{0, 1, {}}}) {
    const auto path = folder.path() / part_name(2, 3);
    write_part(path, Metadata(), keys, tensors);
    const GgufFile file(path);
    EXPECT_EQ(file.files().size(), 1u);
    EXPECT_TRUE(file.find("a").has_value());
    EXPECT_EQ(file.metadata().has("split.count"), false);
  }
}

TEST(GgufSplit, missing_parts_are_named) {
  const SplitSample sample("missing");
  sample.write();
  std::filesystem::remove(sample.path(2));
  EXPECT_EQ(sample.refusal(1, ErrorCode::not_found),
            "FOLDER/model-00001-of-00003.gguf: 1 of 3 parts are missing, the first is "
            "FOLDER/model-00002-of-00003.gguf");
  std::filesystem::remove(sample.path(1));
  EXPECT_EQ(sample.refusal(3, ErrorCode::not_found),
            "FOLDER/model-00003-of-00003.gguf: 2 of 3 parts are missing, the first is "
            "FOLDER/model-00001-of-00003.gguf");
}

TEST(GgufSplit, a_name_that_contradicts_the_keys_is_refused) {
  SplitSample sample("name");
  sample.keys(0).number = 1;
  sample.write();
  EXPECT_EQ(sample.refusal(1),
            "FOLDER/model-00001-of-00003.gguf: is part 2 of 3 by its keys split.no and split.count, expected the name "
            "NAME-00002-of-00003.gguf, by which the others are found");
  sample.keys(0) = {0, 4, {}};
  sample.write();
  EXPECT_NE(sample.refusal(1).find("is part 1 of 4 by its keys"), std::string::npos);
  const TemporaryFolder folder("renamed");
  const auto path = folder.path() / "renamed.gguf";
  write_part(path, Metadata(), {0, 2, {}}, {});
  EXPECT_THROW(GgufFile{path}, Error);
}

TEST(GgufSplit, parts_that_do_not_belong_together_are_refused) {
  SplitSample sample("together");
  sample.keys(1).number = 2;
  sample.write();
  EXPECT_EQ(sample.refusal(1), "FOLDER/model-00002-of-00003.gguf: is part 3 of 3 by its keys, expected part 2 of 3");
  sample.keys(1) = {1, 2, {}};
  sample.write();
  EXPECT_EQ(sample.refusal(3), "FOLDER/model-00002-of-00003.gguf: is part 2 of 2 by its keys, expected part 2 of 3");
  sample.keys(1) = {};
  sample.write();
  EXPECT_EQ(sample.refusal(1),
            "FOLDER/model-00002-of-00003.gguf: is no part of a split file by its keys, expected part 2 of 3");
  EXPECT_EQ(sample.refusal(2), "");  // by itself it is a file without tensors
}

TEST(GgufSplit, the_count_of_tensors_must_be_right) {
  SplitSample sample("tensors");
  sample.keys(0).n_tensors = 7;
  sample.write();
  EXPECT_EQ(sample.refusal(1),
            fmt::format("FOLDER/model-00001-of-00003.gguf: key split.tensors.count is 7, found {} tensors in 3 parts",
                        sample_tensors().size()));
  for (size_t i = 0; i < 3; ++i) sample.keys(i).n_tensors.reset();
  sample.write();
  EXPECT_EQ(sample.refusal(1), "");
}

TEST(GgufSplit, a_tensor_in_two_parts_is_refused) {
  SplitSample sample("twice");
  for (size_t i = 0; i < 3; ++i) sample.keys(i).n_tensors.reset();
  sample.tensors(1) = {sample.tensors(0)[1]};
  sample.write();
  EXPECT_EQ(sample.refusal(3),
            fmt::format("FOLDER/model-00003-of-00003.gguf: tensor {} is in parts 1 and 2", sample.tensors(1)[0].name));
}

std::string refusal_of_keys(const PartKeys& keys) {
  Metadata metadata("a.gguf");
  if (keys.number) metadata.set("split.no", {MetaType::u64, *keys.number});
  if (keys.count) metadata.set("split.count", {MetaType::u64, *keys.count});
  try {
    gguf_split(metadata);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(GgufSplit, keys_out_of_range_are_refused) {
  EXPECT_EQ(refusal_of_keys({0, 0, {}}), "a.gguf: key split.count is 0, expected 1 to 99999");
  EXPECT_EQ(refusal_of_keys({0, 100000, {}}), "a.gguf: key split.count is 100000, expected 1 to 99999");
  EXPECT_EQ(refusal_of_keys({3, 3, {}}), "a.gguf: key split.no is 3, expected 0 to 2 as split.count is 3");
  EXPECT_NE(refusal_of_keys({0, {}, {}}).find("split.count"), std::string::npos);
  EXPECT_NE(refusal_of_keys({{}, 2, {}}).find("split.no"), std::string::npos);
  EXPECT_NE(refusal_of_keys({~uint64_t{0}, 2, {}}).find("split.no"), std::string::npos);
}

}  // namespace
}  // namespace quandex
