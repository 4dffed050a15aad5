#include "format/safetensors.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "format/safetensors_image.h"

namespace quandex {
namespace {

using namespace std::string_literals;

SafetensorsHeader parse(std::string_view image) { return parse_safetensors_header(as_file(image), "a.safetensors"); }

// The message that parsing ends in, or "" when it does not.
std::string refusal(const std::string& image, ErrorCode code = ErrorCode::invalid_file) {
  try {
    parse(image);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
}

std::string refusal_of_header(std::string_view header, size_t data_bytes = 0) {
  return refusal(safetensors_image(header, std::string(data_bytes, 'x')));
}

TEST(Safetensors, tensors_have_their_type_shape_and_bytes) {
  const std::string image = SafetensorsImage()
                                .metadata("format", "pt")
                                .tensor("model.norm.weight", "BF16", {3})
                                .tensor("é", "F32", {2, 1, 2})
                                .tensor("scalar", "I64", {})
                                .tensor("none", "F16", {4, 0})
                                .bytes();
  const SafetensorsHeader header = parse(image);
  ASSERT_EQ(header.tensors.size(), 4u);
  EXPECT_EQ(header.metadata, (SafetensorsMetadata{{"format", "pt"}}));
  const SafetensorsTensor& norm = header.tensors[0];
  EXPECT_EQ(norm.name, "model.norm.weight");
  EXPECT_EQ(norm.dtype, "BF16");
  EXPECT_EQ(norm.shape, (std::vector<int64_t>{3}));
  EXPECT_EQ(norm.offset, header.data_offset);
  EXPECT_EQ(norm.bytes.data(), as_file(image).data() + header.data_offset);
  EXPECT_EQ(header.tensors[1].name, "é");
  EXPECT_EQ(header.tensors[1].bytes.size(), 16u);
  EXPECT_EQ(header.tensors[1].bytes[0], std::byte{1});
  EXPECT_EQ(header.tensors[2].shape, std::vector<int64_t>());
  EXPECT_EQ(header.tensors[2].offset, header.data_offset + 22);
  EXPECT_EQ(header.tensors[3].bytes.size(), 0u);
}

TEST(Safetensors, every_type_of_the_format_has_its_size) {
  for (const auto& [dtype, n_bytes] : std::vector<std::pair<const char*, size_t>>{{"F64", 8},
                                                                                  {"F32", 4},
                                                                                  {"F16", 2},
                                                                                  {"BF16", 2},
                                                                                  {"F8_E4M3", 1},
                                                                                  {"F8_E5M2", 1},
                                                                                  {"F8_E8M0", 1},
                                                                                  {"I64", 8},
                                                                                  {"I32", 4},
                                                                                  {"I16", 2},
                                                                                  {"I8", 1},
                                                                                  {"U64", 8},
                                                                                  {"U32", 4},
                                                                                  {"U16", 2},
                                                                                  {"U8", 1},
                                                                                  {"BOOL", 1},
                                                                                  {"C64", 8}}) {
    const std::string image = SafetensorsImage().tensor("t", dtype, {5}).bytes();
    EXPECT_EQ(parse(image).tensors[0].bytes.size(), 5 * n_bytes) << dtype;
  }
}

TEST(Safetensors, files_without_tensors_padded_headers_and_any_order_are_legal) {
  EXPECT_EQ(parse(safetensors_image("{}")).tensors.size(), 0u);
  EXPECT_EQ(parse(safetensors_image("{ }  \n ")).tensors.size(), 0u);
  const std::string reversed = R"({"b":{"data_offsets":[1,3],"dtype":"U8","shape":[2]},
                                   "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  const std::string image = safetensors_image(reversed, "xyz");
  EXPECT_EQ(parse(image).tensors[0].bytes[1], std::byte{'z'});
  // A tensor without bytes may lie at any border between others.
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                                  "b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},
                                  "z":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                              3),
            "");
}

TEST(Safetensors, other_kinds_of_file_are_named) {
  EXPECT_EQ(refusal("GGUF\3\0\0\0\0\0\0\0\0\0\0\0"s), "a.safetensors: is a GGUF file, expected safetensors");
  EXPECT_EQ(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
            "a.safetensors: is a pointer of Git LFS, expected the file it stands for (fetch it with `git lfs pull`)");
  for (const std::string& start : {"PK\3\4\0\0\x08\x08\0\0"s, "\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9\x20"s}) {
    EXPECT_EQ(refusal(start, ErrorCode::unsupported),
              "a.safetensors: is a pickle of PyTorch, which is not read: convert it with transformers' "
              "save_pretrained(FOLDER, safe_serialization=True)");
  }
  // 640 is a good length although a pickle starts with the same two bytes.
  EXPECT_EQ(refusal(safetensors_image("{}" + std::string(638, ' '))), "");
}

TEST(Safetensors, header_lengths_are_checked) {
  EXPECT_EQ(refusal(""), "a.safetensors: has 0 bytes, expected a header length of 8");
  EXPECT_EQ(refusal("\2\0\0\0\0\0\0"s), "a.safetensors: has 7 bytes, expected a header length of 8");
  EXPECT_EQ(refusal("\3\0\0\0\0\0\0\0{}"s),
            "a.safetensors: the header takes 3 bytes, the file has 2 left: is it complete?");
  EXPECT_EQ(refusal("\1\xE1\xF5\5\0\0\0\0{}"s),
            "a.safetensors: the header takes 100000001 bytes, expected at most 100000000");
  EXPECT_EQ(refusal(std::string(8, '\xFF') + "{}"),
            "a.safetensors: the header takes 18446744073709551615 bytes, expected at most 100000000");
  EXPECT_EQ(refusal_of_header(""), "a.safetensors: the header does not start with '{': this is not a safetensors file");
  EXPECT_EQ(refusal_of_header(" {}"),
            "a.safetensors: the header does not start with '{': this is not a safetensors file");
}

TEST(Safetensors, header_text_must_be_json) {
  EXPECT_EQ(refusal_of_header("{\"a\""),
            "a.safetensors: header: line 1 column 5: found the end of the text, expected ':'");
  EXPECT_EQ(refusal_of_header("{}\0"s), "a.safetensors: header: line 1 column 3: found byte 0x00, expected text");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
                                  "a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
            "a.safetensors: header: line 2 column 86: found the key \"a\" twice in the object that ends here, expected "
            "it once");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":[[1]]}})"),
            "a.safetensors: header: line 1 column 16: found a value 4 levels deep, expected at most 3");
}

struct BadTensor {
  const char* header;
  const char* message;
};

constexpr BadTensor kBadTensors[] = {
    {R"({"":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", "a tensor has an empty name"},
    {R"({"a":7})", "tensor a is number, expected an object"},
    {R"({"a":{"shape":[8],"data_offsets":[0,8]}})", "tensor a has no dtype, expected a string"},
    {R"({"a":{"dtype":3,"shape":[8],"data_offsets":[0,8]}})", "tensor a has no dtype, expected a string"},
    {R"({"a":{"dtype":"U8","data_offsets":[0,8]}})", "tensor a has no shape, expected an array"},
    {R"({"a":{"dtype":"U8","shape":8,"data_offsets":[0,8]}})", "tensor a has no shape, expected an array"},
    {R"({"a":{"dtype":"U8","shape":[8]}})", "tensor a has no data_offsets, expected an array"},
    {R"({"a":{"dtype":"Q9","shape":[8],"data_offsets":[0,8]}})", "tensor a has the unknown dtype 'Q9'"},
    {R"({"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})",
     "tensor a has a dimension of -8, expected 0 to 2^63 - 1"},
    {R"({"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}})",
     "tensor a has a dimension of 8.0, expected 0 to 2^63 - 1"},
    {R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,8]}})",
     "tensor a has a dimension of 9223372036854775808, expected 0 to 2^63 - 1"},
    {R"({"a":{"dtype":"U16","shape":[9223372036854775807,2],"data_offsets":[0,8]}})",
     "tensor a of shape [9223372036854775807, 2] has more than 2^64 - 1 bytes"},
    {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
     "tensor a of shape [4294967296, 4294967296] has more than 2^64 - 1 bytes"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}})",
     "tensor a has data_offsets [8], expected two numbers of bytes"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[-1,7]}})",
     "tensor a has data_offsets [-1,7], expected two numbers of bytes"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}})",
     "tensor a has data_offsets [0,8,8], expected two numbers of bytes"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})", "tensor a begins at byte 8 and ends at 0"},
    {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})",
     "tensor a ends at byte 9 of the data, the file has 8: is it complete?"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[18446744073709551608,18446744073709551615]}})",
     "tensor a ends at byte 18446744073709551615 of the data, the file has 8: is it complete?"},
    {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}})",
     "tensor a takes 8 bytes, expected 32 for F32 of shape [8]"},
    {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
     "tensors a and b overlap"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
     "tensors a and b overlap"},
    {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})",
     "tensors a and b overlap"},
    {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
     "1 bytes between a and b belong to no tensor"},
    {R"({"a":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}})",
     "2 bytes between the header and a belong to no tensor"},
    {R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})", "1 bytes after a belong to no tensor"},
    {R"({})", "8 bytes after the header belong to no tensor"},
    {R"({"__metadata__":[]})", "__metadata__ is array, expected an object"},
    {R"({"__metadata__":{"a":1}})", "a of __metadata__ is number, expected a string"},
};

TEST(Safetensors, each_defect_of_a_tensor_is_refused_with_its_reason) {
  for (const BadTensor& bad : kBadTensors) {
    EXPECT_EQ(refusal_of_header(bad.header, 8), std::string("a.safetensors: ") + bad.message) << bad.header;
  }
}

TEST(Safetensors, types_smaller_than_a_byte_are_refused_by_name) {
  for (const char* const dtype : {"F4", "F6_E2M3", "F6_E3M2"}) {
    const std::string header = fmt::format(R"({{"a":{{"dtype":"{}","shape":[2],"data_offsets":[0,1]}}}})", dtype);
    EXPECT_EQ(refusal(safetensors_image(header, "x"), ErrorCode::unsupported),
              fmt::format("a.safetensors: tensor a has dtype {}, which is not supported", dtype));
    EXPECT_FALSE(safetensors_type_bytes(dtype).has_value());
  }
}

// ---- the index of shards

std::string refusal_of_index(std::string_view text) {
  try {
    parse_safetensors_index(text, "i.json");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
}

TEST(SafetensorsIndex, tensors_are_put_into_sorted_shards) {
  const SafetensorsIndex index = parse_safetensors_index(
      R"({"metadata":{"total_size":3},"weight_map":{"c":"2.safetensors","a":"1.safetensors","b":"2.safetensors"}})",
      "i");
  EXPECT_EQ(index.shards, (std::vector<std::string>{"1.safetensors", "2.safetensors"}));
  ASSERT_EQ(index.entries.size(), 3u);
  EXPECT_EQ(index.entries[0].tensor, "c");
  EXPECT_EQ(index.entries[0].shard, 1u);
  EXPECT_EQ(index.entries[1].shard, 0u);
}

TEST(SafetensorsIndex, what_is_no_index_is_refused) {
  EXPECT_EQ(refusal_of_index("[]"), "i.json: found array, expected an object");
  for (const char* const text : {"{}", R"({"weight_map":[]})"}) {
    EXPECT_EQ(refusal_of_index(text), "i.json: has no weight_map, expected an object of tensors and shards");
  }
  EXPECT_EQ(refusal_of_index(R"({"weight_map":{}})"), "i.json: weight_map is empty, expected tensors");
  EXPECT_EQ(refusal_of_index(R"({"weight_map":{"":"a.safetensors"}})"),
            "i.json: weight_map has a tensor with an empty name");
}

TEST(SafetensorsIndex, shards_outside_the_folder_are_refused) {
  for (const char* const shard :
       {"\"../a.safetensors\"", "\"b/a.safetensors\"", "\"/a.safetensors\"", "\"b\\\\a.safetensors\"", "\"\"", "7",
        "\"..\"", "\".safetensors\"", "\".a.safetensors\"", "\"a.bin\"", "\"C:a.safetensors\"",
        "\"a\\u0000.safetensors\"", "\"a\\n.safetensors\"", "null"}) {
    EXPECT_EQ(refusal_of_index(fmt::format(R"({{"weight_map":{{"t":{}}}}})", shard)),
              fmt::format("i.json: weight_map puts tensor t into {}, expected the name of a .safetensors file in this "
                          "folder",
                          shard));
  }
}

}  // namespace
}  // namespace quandex
