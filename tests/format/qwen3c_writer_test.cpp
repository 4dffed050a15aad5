#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "base/error.h"
#include "format/gguf_image.h"
#include "format/qwen3c.h"
#include "format/qwen3c_model.h"

namespace quandex {
namespace {

const std::filesystem::path kFixture = QUANDEX_TEST_FIXTURES "/qwen3c/tiny.bin";

std::string refusal(const Metadata& metadata, const WeightSource& weights) {
  try {
    plan_qwen3c(metadata, weights);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Qwen3cWriter, writes_the_bytes_of_an_independent_exporter) {
  const TemporaryPath path("writer.bin");
  const auto weights = tiny_qwen3c_weights();
  std::vector<std::string> steps;
  uint64_t done = 0, total = 0;
  write_qwen3c(path.get(), tiny_qwen3c_metadata(), *weights, [&](const Qwen3cStep& step) {
    steps.push_back(fmt::format("{}/{} {} [{}, {}]", step.index, step.count, step.name, step.rows, step.cols));
    EXPECT_GT(step.max_error, 0);
    EXPECT_LT(step.max_error, 127.0f / 64 / 127);
    done = step.done_bytes;
    total = step.total_bytes;
  });
  EXPECT_EQ(read_bytes(path.get()), read_bytes(kFixture));
  EXPECT_EQ(steps.size(), 15u);  // 1 + 7 L
  EXPECT_EQ(steps.front(), "1/15 token_embd.weight [640, 32]");
  EXPECT_EQ(steps.back(), "15/15 blk.1.ffn_up.weight [48, 32]");
  EXPECT_EQ(done, total);
  EXPECT_EQ(total, std::filesystem::file_size(kFixture));
}

TEST(Qwen3cWriter, a_written_file_is_written_again_without_change) {
  const TemporaryPath path("again.bin");
  const Qwen3cFile file(kFixture);
  write_qwen3c(path.get(), file.metadata(), file);
  EXPECT_EQ(read_bytes(path.get()), read_bytes(kFixture));
  for (const Qwen3cComparison& tensor : verify_qwen3c(path.get(), file)) EXPECT_EQ(tensor.max_error, 0) << tensor.name;
}

TEST(Qwen3cWriter, other_formats_are_decoded_first) {
  const TemporaryPath path("f16.bin");
  const auto weights = tiny_qwen3c_weights(DType::f16);
  write_qwen3c(path.get(), tiny_qwen3c_metadata(), *weights);
  const auto compared = verify_qwen3c(path.get(), *weights);
  ASSERT_EQ(compared.size(), 24u);
  for (const Qwen3cComparison& tensor : compared) {
    EXPECT_EQ(tensor.n_compared, std::min<int64_t>(tensor.rows, 256)) << tensor.name;
    const bool is_vector = tensor.name.find("norm") != std::string::npos;
    EXPECT_EQ(tensor.max_error > 0, !is_vector) << tensor.name;
  }
}

TEST(Qwen3cWriter, a_head_of_its_own_is_kept) {
  const TemporaryPath path("untied.bin");
  const auto weights = tiny_qwen3c_weights();
  weights->add_random("output.weight", {640, 32}, 0.1f);
  EXPECT_FALSE(write_qwen3c(path.get(), tiny_qwen3c_metadata(), *weights).tied_head);
  const Qwen3cFile file(path.get());
  EXPECT_EQ(file.find("output.weight")->rows(), 640);
  EXPECT_EQ(verify_qwen3c(path.get(), *weights).size(), 25u);
}

TEST(Qwen3cWriter, verification_finds_one_changed_code_and_one_changed_norm) {
  const TemporaryPath path("damaged.bin");
  const auto weights = tiny_qwen3c_weights();
  const auto tensors = qwen3c_tensors(kTinyQwen3c);
  for (const Qwen3cTensor& tensor : {tensors.front(), tensors.back()}) {
    auto bytes = read_bytes(kFixture);
    bytes[tensor.offset + 1] ^= std::byte{0x10};
    std::ofstream(path.get(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    try {
      verify_qwen3c(path.get(), *weights);
      FAIL() << tensor.name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(tensor.name), std::string::npos) << error.what();
    }
  }
}

TEST(Qwen3cWriter, the_smallest_steps_are_verified_too) {
  const TemporaryPath path("subnormal.bin");
  const auto weights = tiny_qwen3c_weights();
  std::vector<float> tiny(48 * 32);
  for (size_t i = 0; i < tiny.size(); ++i) tiny[i] = static_cast<float>(i % 178) * 0x1p-149f;  // scales of one unit
  weights->add("blk.0.ffn_up.weight", {48, 32}, tiny);
  write_qwen3c(path.get(), tiny_qwen3c_metadata(), *weights);
  EXPECT_EQ(verify_qwen3c(path.get(), *weights).size(), 24u);
}

TEST(Qwen3cWriter, refuses_what_the_format_has_no_field_for) {
  const auto weights = tiny_qwen3c_weights();
  const auto with = [&](const auto& change) {
    Metadata metadata = tiny_qwen3c_metadata();
    change(metadata);
    return refusal(metadata, *weights);
  };
  const std::string prefix = "qwen3.c cannot hold this model: tiny has ";
  EXPECT_EQ(with([](Metadata&) {}), "");
  EXPECT_EQ(with([](Metadata& m) { m.set_f32("qwen3.rope.freq_base", 5e6f); }),
            prefix + "qwen3.rope.freq_base 5000000, expected 1000000: the format fixes it");
  EXPECT_EQ(with([](Metadata& m) { m.set_f32("qwen3.attention.layer_norm_rms_epsilon", 1e-5f); }).substr(0, 80),
            (prefix + "qwen3.attention.layer_norm_rms_epsilon 9.99").substr(0, 80));
  EXPECT_EQ(with([](Metadata& m) { m.set_string("general.architecture", "qwen2"); }),
            prefix + "architecture qwen2, expected qwen3");
  EXPECT_EQ(with([](Metadata& m) { m.set_string("qwen3.rope.scaling.type", "yarn"); }),
            prefix + "RoPE scaling yarn, expected none");
  EXPECT_EQ(with([](Metadata& m) { m.set_u32("qwen3.attention.sliding_window", 64); }),
            prefix + "qwen3.attention.sliding_window 64, expected 0");
  EXPECT_EQ(with([](Metadata& m) { m.set_u32("qwen3.expert_count", 8); }), prefix + "qwen3.expert_count 8, expected 0");
  EXPECT_EQ(with([](Metadata& m) { m.set_u32("qwen3.something", 1); }),
            prefix + "the key qwen3.something, for which the format has no field");
  EXPECT_EQ(with([](Metadata& m) { m.set_string("quandex.rope", "x"); }),
            prefix + "the key quandex.rope, for which the format has no field");
  EXPECT_EQ(with([](Metadata& m) { m.set_u32("qwen3.rope.dimension_count", 8); }),
            prefix + "qwen3.rope.dimension_count 8, expected 16 as attention.key_length");
  EXPECT_EQ(with([](Metadata& m) { m.set_f32("qwen3.attention.scale", 0.5f); }),
            prefix + "attention.scale 0.5, expected 0.25");
}

TEST(Qwen3cWriter, accepts_keys_that_say_nothing) {
  const auto weights = tiny_qwen3c_weights();
  Metadata metadata = tiny_qwen3c_metadata();
  metadata.set_u32("qwen3.attention.sliding_window", 0);
  metadata.set_string("qwen3.rope.scaling.type", "none");
  metadata.set_f32("qwen3.attention.scale", 0.25f);
  metadata.set_u32("qwen3.vocab_size", 640);
  metadata.set_string("quandex.template.plain", "%s");
  EXPECT_EQ(refusal(metadata, *weights), "");
}

TEST(Qwen3cWriter, refuses_tensors_that_have_no_place_or_are_not_there) {
  const auto weights = tiny_qwen3c_weights();
  weights->add_random("blk.0.attn_q.bias", {64}, 1);
  EXPECT_EQ(refusal(tiny_qwen3c_metadata(), *weights),
            "qwen3.c cannot hold this model: test weights has the tensor blk.0.attn_q.bias, for which the format has "
            "no place");
  weights->remove("blk.0.attn_q.bias");
  weights->remove("blk.1.attn_k.weight");
  EXPECT_EQ(refusal(tiny_qwen3c_metadata(), *weights), "test weights: tensor blk.1.attn_k.weight is missing");
  weights->add_random("blk.1.attn_k.weight", {32, 64}, 1);
  EXPECT_EQ(refusal(tiny_qwen3c_metadata(), *weights),
            "test weights: tensor blk.1.attn_k.weight is f32 [32, 64], expected weights [32, 32]");
}

TEST(Qwen3cWriter, refuses_rows_that_no_group_divides) {
  const auto weights = tiny_qwen3c_weights();
  Metadata metadata = tiny_qwen3c_metadata();
  metadata.set_u32("qwen3.feed_forward_length", 40);
  EXPECT_EQ(
      refusal(metadata, *weights),
      "qwen3.c cannot hold this model: rows of dim 32, hidden_dim 40 and n_heads * head_dim 64 have no common group "
      "size; supported: 16, 32, 64, 128");
}

TEST(Qwen3cWriter, a_weight_that_is_no_number_ends_the_writing_and_leaves_no_file) {
  const TemporaryPath path("nan.bin");
  const auto weights = tiny_qwen3c_weights();
  std::vector<float> values(48 * 32, 0.5f);
  values[33] = std::numeric_limits<float>::quiet_NaN();
  weights->add("blk.1.ffn_up.weight", {48, 32}, values);
  try {
    write_qwen3c(path.get(), tiny_qwen3c_metadata(), *weights);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "tensor blk.1.ffn_up.weight holds nan in row 1, expected finite numbers");
  }
  EXPECT_FALSE(std::filesystem::exists(path.get()));
  EXPECT_FALSE(std::filesystem::exists(path.part()));
}

}  // namespace
}  // namespace quandex
