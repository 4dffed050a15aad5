#include "format/safetensors_files.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "format/safetensors_image.h"
#include "format/shard_name.h"

namespace quandex {
namespace {

std::string one_tensor(std::string_view name) { return SafetensorsImage().tensor(name, "F32", {2}).bytes(); }

// The message that opening ends in, with "FOLDER" for the folder's path; "" when it does not.
std::string refusal(const TemporaryFolder& folder, ErrorCode code, const std::string& file = "") {
  try {
    const SafetensorsFiles files(file.empty() ? folder.path() : folder.path() / file);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    std::string message = error.what();
    for (size_t at; (at = message.find(folder.path().string())) != std::string::npos;) {
      message.replace(at, folder.path().string().size(), "FOLDER");
    }
    return message;
  }
}

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

// Two shards: a and b in the first, c in the second.
void add_shards(const TemporaryFolder& folder) {
  folder.add(kFirst, SafetensorsImage()
                         .metadata("format", "pt")
                         .metadata("who", "first")
                         .tensor("a", "F32", {2})
                         .tensor("b", "U8", {3})
                         .bytes());
  folder.add(kSecond,
             SafetensorsImage().metadata("who", "second").metadata("x", "y").tensor("c", "F16", {2, 2}).bytes());
}

void expect_all_of_the_shards(const SafetensorsFiles& files) {
  ASSERT_EQ(files.tensors().size(), 3u);
  ASSERT_EQ(files.files().size(), 2u);
  EXPECT_EQ(files.files()[1].filename(), kSecond);
  const SafetensorsTensor* const c = files.find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->file, 1u);
  EXPECT_EQ(c->shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(c->bytes[7], std::byte{7});
  EXPECT_EQ(files.find("a")->file, 0u);
  EXPECT_EQ(files.find("d"), nullptr);
  EXPECT_EQ(files.metadata(), (SafetensorsMetadata{{"format", "pt"}, {"who", "first"}, {"x", "y"}}));
  uint64_t n_bytes = 0;
  for (const auto& path : files.files()) n_bytes += std::filesystem::file_size(path);
  EXPECT_EQ(files.size_bytes(), n_bytes);
}

TEST(SafetensorsFiles, a_single_file_opens_by_its_name_and_by_its_folder) {
  const TemporaryFolder folder("single");
  const auto path = folder.add("model.safetensors", one_tensor("a"));
  for (const auto& argument : {path, folder.path()}) {
    const SafetensorsFiles files(argument);
    ASSERT_NE(files.find("a"), nullptr);
    EXPECT_EQ(files.find("a")->bytes.size(), 8u);
    EXPECT_EQ(files.description(), argument.string());
    EXPECT_EQ(files.files()[0], path);
  }
}

TEST(SafetensorsFiles, shards_open_by_index_by_folder_and_by_any_one_of_them) {
  const TemporaryFolder folder("index");
  add_shards(folder);
  folder.add(kIndexName, fmt::format(R"({{"weight_map":{{"a":"{0}","b":"{0}","c":"{1}"}}}})", kFirst, kSecond));
  for (const char* const file : {"", kIndexName, kFirst, kSecond}) {
    expect_all_of_the_shards(SafetensorsFiles(*file ? folder.path() / file : folder.path()));
  }
}

TEST(SafetensorsFiles, shards_open_without_an_index_when_all_are_there) {
  const TemporaryFolder folder("no_index");
  add_shards(folder);
  for (const char* const file : {"", kFirst, kSecond}) {
    expect_all_of_the_shards(SafetensorsFiles(*file ? folder.path() / file : folder.path()));
  }
  std::filesystem::remove(folder.path() / kFirst);
  const std::string expected = fmt::format("FOLDER: 1 of 2 shards are missing, the first is {}", kFirst);
  EXPECT_EQ(refusal(folder, ErrorCode::not_found), expected);
  EXPECT_EQ(refusal(folder, ErrorCode::not_found, kSecond), expected);
}

TEST(SafetensorsFiles, files_that_are_not_the_model_do_not_count) {
  const TemporaryFolder folder("others");
  folder.add("model.safetensors", one_tensor("a"));
  folder.add("consolidated.safetensors", one_tensor("other name"));
  folder.add("adapter_model.safetensors", one_tensor("lora"));
  folder.add("._model.safetensors", "Mac OS X");
  EXPECT_NE(SafetensorsFiles(folder.path()).find("a"), nullptr);
  std::filesystem::rename(folder.path() / "model.safetensors", folder.path() / "weights.safetensors");
  EXPECT_NE(SafetensorsFiles(folder.path()).find("a"), nullptr);
  std::filesystem::remove(folder.path() / "weights.safetensors");
  std::filesystem::remove(folder.path() / "adapter_model.safetensors");
  EXPECT_NE(SafetensorsFiles(folder.path()).find("other name"), nullptr);
}

TEST(SafetensorsFiles, one_shard_of_one_is_a_whole_model) {
  const TemporaryFolder folder("one_of_one");
  folder.add("model-00001-of-00001.safetensors", one_tensor("a"));
  EXPECT_NE(SafetensorsFiles(folder.path()).find("a"), nullptr);
}

TEST(SafetensorsFiles, folders_without_one_model_are_refused) {
  const TemporaryFolder folder("folder");
  EXPECT_EQ(refusal(folder, ErrorCode::not_found),
            "FOLDER: has no .safetensors file, expected model.safetensors or model.safetensors.index.json");
  folder.add("pytorch_model-00001-of-00002.bin", "PK");
  EXPECT_EQ(refusal(folder, ErrorCode::unsupported),
            "FOLDER: has pytorch_model-00001-of-00002.bin and no .safetensors file; pickles of PyTorch are not read: "
            "convert it with transformers' save_pretrained(FOLDER, safe_serialization=True)");
  folder.add("x.safetensors", one_tensor("a"));
  EXPECT_EQ(refusal(folder, ErrorCode::invalid_file), "");
  folder.add("y.safetensors", one_tensor("b"));
  EXPECT_EQ(refusal(folder, ErrorCode::invalid_file),
            "FOLDER: has 2 .safetensors files that do not belong together (such as x.safetensors and y.safetensors), "
            "expected model.safetensors, model.safetensors.index.json or the shards of one model");
}

TEST(SafetensorsFiles, shards_of_two_models_do_not_belong_together) {
  const TemporaryFolder folder("two_models");
  add_shards(folder);
  folder.add("model-00001-of-00003.safetensors", one_tensor("z"));
  EXPECT_NE(refusal(folder, ErrorCode::invalid_file).find("has 3 .safetensors files that do not belong together"),
            std::string::npos);
}

TEST(SafetensorsFiles, index_and_shards_must_agree) {
  const TemporaryFolder folder("disagree");
  add_shards(folder);
  const auto refusal_of = [&](const std::string& weight_map, ErrorCode code = ErrorCode::invalid_file) {
    folder.add(kIndexName, fmt::format(R"({{"weight_map":{}}})", weight_map));
    return refusal(folder, code);
  };
  EXPECT_EQ(refusal_of(fmt::format(R"({{"a":"{0}","b":"{0}","c":"{1}","d":"{1}"}})", kFirst, kSecond)),
            fmt::format("FOLDER/{}: weight_map puts tensor d into {}, which does not hold it", kIndexName, kSecond));
  EXPECT_EQ(refusal_of(fmt::format(R"({{"a":"{0}","b":"{1}","c":"{1}"}})", kFirst, kSecond)),
            fmt::format("FOLDER/{}: weight_map puts tensor b into {}, which does not hold it", kIndexName, kSecond));
  EXPECT_EQ(refusal_of(fmt::format(R"({{"a":"{0}","c":"{1}"}})", kFirst, kSecond)),
            fmt::format("FOLDER/{}: {} holds tensor b, which weight_map does not name", kIndexName, kFirst));
  EXPECT_EQ(refusal_of(R"({"a":"absent.safetensors"})", ErrorCode::not_found),
            "FOLDER/absent.safetensors: cannot open: No such file or directory");
}

TEST(SafetensorsFiles, a_tensor_in_two_shards_is_refused) {
  const TemporaryFolder folder("twice");
  folder.add(kFirst, one_tensor("a"));
  folder.add(kSecond, one_tensor("a"));
  EXPECT_EQ(refusal(folder, ErrorCode::invalid_file),
            fmt::format("FOLDER: tensor a is in {} and in {}", kFirst, kSecond));
}

TEST(SafetensorsFiles, missing_files_and_broken_links_are_named) {
  const TemporaryFolder folder("missing");
  EXPECT_EQ(refusal(folder, ErrorCode::not_found, "a.safetensors"),
            "FOLDER/a.safetensors: cannot open: No such file or directory");
  EXPECT_EQ(refusal(folder, ErrorCode::not_found, kFirst),
            fmt::format("FOLDER/{}: cannot open: No such file or directory", kFirst));
  std::filesystem::create_symlink("../blobs/gone", folder.path() / "model.safetensors");
  EXPECT_EQ(refusal(folder, ErrorCode::not_found), "FOLDER/model.safetensors: cannot open: No such file or directory");
}

TEST(SafetensorsFiles, released_tensors_can_be_read_again) {
  const TemporaryFolder folder("release");
  folder.add("model.safetensors", SafetensorsImage().tensor("a", "F32", {4096}).tensor("none", "F32", {0}).bytes());
  const SafetensorsFiles files(folder.path());
  const auto bytes = files.find("a")->bytes;
  const std::vector<std::byte> before(bytes.begin(), bytes.end());
  for (const char* const name : {"a", "none", "no such tensor"}) files.release(name);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), before.begin(), before.end()));
}

TEST(ShardName, names_are_taken_apart_and_put_together) {
  const auto name = parse_shard_name("Llama-3-00002-of-00010.gguf");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->stem, "Llama-3");
  EXPECT_EQ(name->number, 2);
  EXPECT_EQ(name->count, 10);
  EXPECT_EQ(name->extension, ".gguf");
  EXPECT_EQ(name->text(), "Llama-3-00002-of-00010.gguf");
  EXPECT_EQ(name->with_number(10).text(), "Llama-3-00010-of-00010.gguf");
}

TEST(ShardName, other_names_are_none) {
  for (const char* const name :
       {"", "model.gguf", "a-00001-of-00002", "a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-0001-of-0002.gguf",
        "a-000001-of-000002.gguf", "a_00001-of-00002.gguf", "a-00001_of_00002.gguf", "a-0000x-of-00002.gguf",
        "a-00001-of--0002.gguf", "-00001-of-00002.gguf", "00001-of-00002.gguf", "-of-.gguf"}) {
    EXPECT_FALSE(parse_shard_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace quandex
