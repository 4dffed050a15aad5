// A file that PyPI's gguf wrote (tools/make_gguf_fixtures.py), with what it decodes the tensors to.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "format/gguf.h"
#include "format/half.h"

namespace quandex {
namespace {

const std::filesystem::path kFolder = QUANDEX_TEST_FIXTURES "/gguf";

TEST(GgufPeerFile, metadata_reads_as_it_was_given_to_the_other_writer) {
  const GgufFile file(kFolder / "peer.gguf");
  const Metadata& metadata = file.metadata();
  EXPECT_EQ(file.header().alignment, 64u);
  EXPECT_EQ(metadata.string("general.architecture"), "llama");
  EXPECT_EQ(metadata.integer("llama.block_count"), 3);
  EXPECT_EQ(metadata.real("llama.rope.freq_base"), 500000.0);
  EXPECT_EQ(metadata.integer("peer.u8"), 250);
  EXPECT_EQ(metadata.integer("peer.i8"), -7);
  EXPECT_EQ(metadata.integer("peer.u16"), 65000);
  EXPECT_EQ(metadata.integer("peer.i16"), -31000);
  EXPECT_EQ(metadata.integer("peer.i32"), -123456789);
  EXPECT_EQ(metadata.integer("peer.u64"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(metadata.integer("peer.i64"), -(int64_t{1} << 62));
  EXPECT_EQ(metadata.real("peer.f64"), 0.1);
  EXPECT_TRUE(metadata.boolean("peer.bool", false));
  const std::vector<std::string> tokens = {"<s>", "caf\xC3\xA9", "\xE2\x96\x81the"};
  EXPECT_EQ(*metadata.strings("tokenizer.ggml.tokens"), tokens);
  EXPECT_EQ(metadata.array("tokenizer.ggml.scores")->real(2), -2.25);
  EXPECT_EQ(metadata.array("tokenizer.ggml.token_type")->integer(0), 3);
}

TEST(GgufPeerFile, every_format_decodes_to_the_same_bits) {
  const GgufFile file(kFolder / "peer.gguf");
  std::ifstream stream(kFolder / "peer.json");
  const auto description = nlohmann::json::parse(stream);
  const auto& tensors = description.at("tensors");
  // All but i32, and the types that the other package does not decode.
  std::set<std::string_view> wanted;
  for (const Format& format : all_formats())
    if (format.gguf_id != kNoGgufId) wanted.insert(format.name);
  for (const std::string_view name : {"i32", "q8_1", "q8_k"}) wanted.erase(name);
  ASSERT_EQ(tensors.size(), wanted.size());
  ASSERT_EQ(file.names().size(), tensors.size());
  for (const auto& [name, want] : tensors.items()) {
    const auto tensor = file.find(name);
    ASSERT_TRUE(tensor.has_value()) << name;
    EXPECT_EQ(wanted.erase(format_of(tensor->type).name), 1u);
    EXPECT_EQ(format_of(tensor->type).name, want.at("type").get<std::string>());
    EXPECT_EQ(tensor->shape, want.at("shape").get<std::vector<int64_t>>());
    std::vector<float> got(static_cast<size_t>(tensor->rows() * tensor->cols()));
    decode_row(tensor->type, tensor->planes[0], got);
    const auto hexadecimal = want.at("values").get<std::string>();
    ASSERT_EQ(hexadecimal.size(), got.size() * 8);
    for (size_t i = 0; i < got.size(); ++i) {
      const auto bits = static_cast<uint32_t>(std::stoul(hexadecimal.substr(8 * i, 8), nullptr, 16));
      EXPECT_EQ(bits_from_f32(got[i]), bits) << name << " " << i;
    }
  }
}

}  // namespace
}  // namespace quandex
