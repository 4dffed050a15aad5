#include "format/metadata.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "format/sample_gguf.h"

namespace quandex {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
  return "no error";
}

TEST(Metadata, keeps_order_and_replaces_in_place) {
  Metadata metadata;
  metadata.set_u32("a", 1);
  metadata.set_string("b", "x");
  metadata.set_f32("a", 2.5f);
  ASSERT_EQ(metadata.entries().size(), 2u);
  EXPECT_EQ(metadata.entries()[0].first, "a");
  EXPECT_EQ(metadata.real("a"), 2.5);
  EXPECT_EQ(metadata.string("b"), "x");
  EXPECT_TRUE(metadata.has("b"));
  EXPECT_FALSE(metadata.has("c"));
}

TEST(Metadata, reads_every_integer_and_real_type) {
  const Metadata metadata = sample_metadata(32);
  EXPECT_EQ(metadata.integer("sample.u8"), 200);
  EXPECT_EQ(metadata.integer("sample.i8"), -100);
  EXPECT_EQ(metadata.integer("sample.u16"), 60000);
  EXPECT_EQ(metadata.integer("sample.i16"), -30000);
  EXPECT_EQ(metadata.integer("sample.u32"), 4294967295);
  EXPECT_EQ(metadata.integer("sample.i32"), -2000000000);
  EXPECT_EQ(metadata.integer("sample.i64"), std::numeric_limits<int64_t>::min() + 5);
  EXPECT_EQ(metadata.real("sample.f32"), 0.15625);
  EXPECT_EQ(metadata.real("sample.f64"), 1.0 / 3.0);
  EXPECT_EQ(metadata.real("sample.i8"), -100.0);
  EXPECT_TRUE(metadata.boolean("sample.yes", false));
  EXPECT_FALSE(metadata.boolean("sample.no", true));
}

TEST(Metadata, fallbacks_serve_absent_keys_only) {
  const Metadata metadata = sample_metadata(32);
  EXPECT_EQ(metadata.integer("none", 9), 9);
  EXPECT_EQ(metadata.real("none", 0.5), 0.5);
  EXPECT_TRUE(metadata.boolean("none", true));
  EXPECT_EQ(metadata.string("none", "x"), "x");
  EXPECT_EQ(metadata.array("none"), nullptr);
  EXPECT_EQ(metadata.strings("none"), nullptr);
  EXPECT_THROW(metadata.integer("sample.string", 9), Error);
  EXPECT_THROW(metadata.real("sample.string", 0.5), Error);
  EXPECT_THROW(metadata.string("sample.u8", "x"), Error);
}

TEST(Metadata, errors_name_source_key_found_and_expected) {
  Metadata metadata("model.gguf");
  metadata.set_string("llama.block_count", "32");
  metadata.set_f32("f", 1.0f);
  metadata.set_u32("u", 1);
  metadata.set_i32s("ids", std::vector<int32_t>{1});
  metadata.set("big", {MetaType::u64, uint64_t{1} << 63});
  EXPECT_EQ(message_of([&] { metadata.integer("llama.block_count"); }),
            "model.gguf: key llama.block_count is string, expected an integer");
  EXPECT_EQ(message_of([&] { metadata.integer("f"); }), "model.gguf: key f is f32, expected an integer");
  EXPECT_EQ(message_of([&] { metadata.integer("x"); }), "model.gguf: key x is missing, expected an integer");
  EXPECT_EQ(message_of([&] { metadata.real("ids"); }), "model.gguf: key ids is array of i32, expected a number");
  EXPECT_EQ(message_of([&] { metadata.boolean("u", false); }), "model.gguf: key u is u32, expected a boolean");
  EXPECT_EQ(message_of([&] { metadata.string("u"); }), "model.gguf: key u is u32, expected a string");
  EXPECT_EQ(message_of([&] { metadata.array("u"); }), "model.gguf: key u is u32, expected an array");
  EXPECT_EQ(message_of([&] { metadata.strings("ids"); }),
            "model.gguf: key ids is array of i32, expected an array of strings");
  EXPECT_EQ(message_of([&] { metadata.integer("big"); }),
            "model.gguf: key big is 9223372036854775808, expected at most 2^63 - 1");
}

TEST(MetaArray, elements_read_as_integers_and_reals) {
  const Metadata metadata = sample_metadata(32);
  const auto array = [&](const char* name) -> const MetaArray& { return *metadata.array(name); };
  EXPECT_EQ(array("sample.array.u8").integer(1), 255);
  EXPECT_EQ(array("sample.array.i8").integer(0), -1);
  EXPECT_EQ(array("sample.array.u16").integer(0), 65535);
  EXPECT_EQ(array("sample.array.i16").integer(0), -32768);
  EXPECT_EQ(array("sample.array.u32").integer(1), 4294967295);
  EXPECT_EQ(array("sample.array.i32").integer(1), -4);
  EXPECT_EQ(array("sample.array.bool").integer(2), 1);
  EXPECT_EQ(array("sample.array.u64").integer(0), 1ll << 40);
  EXPECT_EQ(array("sample.array.i64").integer(0), -(1ll << 40));
  EXPECT_EQ(array("sample.array.f32").real(0), -0.5);
  EXPECT_EQ(array("sample.array.f64").real(0), 0.1);
  EXPECT_EQ(array("sample.array.i32").real(1), -4.0);
  EXPECT_EQ(array("sample.array.u64").real(0), std::ldexp(1.0, 40));
  EXPECT_THROW(array("sample.array.f32").integer(0), Error);
  EXPECT_THROW(array("sample.array.string").integer(0), Error);
  EXPECT_THROW(array("sample.array.string").real(0), Error);
  EXPECT_EQ((*metadata.strings("sample.array.string"))[2], "a string that is longer than fifteen bytes");
}

}  // namespace
}  // namespace quandex
