#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cli/model_shapes.h"
#include "cli/random_weights.h"
#include "model/load.h"

namespace quandex::cli {
namespace {

const ModelShape& shape_named(std::string_view name) {
  for (const ModelShape& shape : model_shapes())
    if (shape.name == name) return shape;
  throw std::runtime_error("no such shape");
}

double count_parameters(const ModelShape& shape) {
  double n = 0;
  for (const PlannedTensor& tensor : plan_tensors(shape, DType::q8_0))
    n += std::accumulate(tensor.shape.begin(), tensor.shape.end(), 1.0,
                         [](double product, int64_t extent) { return product * static_cast<double>(extent); });
  return n;
}

TEST(ModelShapes, have_the_parameter_counts_of_the_real_models) {
  EXPECT_NEAR(count_parameters(shape_named("llama-3.2-1b")), 1235814432, 64);  // 64: rope_freqs is no parameter there
  EXPECT_NEAR(count_parameters(shape_named("llama-3.2-3b")), 3212749824, 64);
  EXPECT_NEAR(count_parameters(shape_named("llama-3.1-8b")), 8030261312, 64);
  EXPECT_NEAR(count_parameters(shape_named("mistral-7b")), 7241732096, 1);
  EXPECT_NEAR(count_parameters(shape_named("mixtral-8x7b")), 46702792704, 1);
  EXPECT_NEAR(count_parameters(shape_named("qwen3-0.6b")), 596049920, 1);
  EXPECT_NEAR(count_parameters(shape_named("qwen3-1.7b")), 1720574976, 1);
  EXPECT_NEAR(count_parameters(shape_named("qwen3-4b")), 4022468096, 1);
  EXPECT_NEAR(count_parameters(shape_named("qwen3-30b-a3b")), 30532122624, 1);
}

// The planned tensors without data but for the RoPE factors, which are part of the configuration.
class PlannedWeights : public WeightSource {
 public:
  explicit PlannedWeights(const ModelShape& shape)
      : tensors_(plan_tensors(shape, DType::q8_0)), factors_(llama3_rope_factors(shape)) {
    for (const PlannedTensor& tensor : tensors_) names_.push_back(tensor.name);
  }
  std::span<const std::string> names() const override { return names_; }
  std::optional<HostTensor> find(std::string_view name) const override {
    for (const PlannedTensor& tensor : tensors_) {
      if (tensor.name != name) continue;
      HostTensor found{tensor.type, tensor.shape, {}};
      if (tensor.fill == TensorFill::rope_factors) found.planes[0] = std::as_bytes(std::span(factors_));
      return found;
    }
    return std::nullopt;
  }
  std::string_view description() const override { return "planned tensors"; }
  void release(std::string_view) const override {}

 private:
  std::vector<PlannedTensor> tensors_;
  std::vector<float> factors_;
  std::vector<std::string> names_;
};

TEST(ModelShapes, are_read_back_as_they_were_planned) {
  for (const ModelShape& shape : model_shapes()) {
    SCOPED_TRACE(shape.name);
    const PlannedWeights weights(shape);
    const ModelConfig config = read_config(make_metadata(shape, DType::q8_0), weights);
    EXPECT_EQ(config.layers.size(), static_cast<size_t>(shape.n_layers));
    EXPECT_EQ(config.vocab, shape.vocab);
    EXPECT_EQ(config.tied_head, shape.tied_head);
    EXPECT_EQ(config.has_qk_norm, shape.has_qk_norm);
    EXPECT_EQ(config.expert_ffn_dim, shape.experts.ffn_dim);
    for (const LayerConfig& layer : config.layers) {
      EXPECT_EQ(layer.attention.window, shape.window);
      EXPECT_EQ(layer.routing.n_experts, shape.experts.n_experts);
      EXPECT_EQ(layer.routing.n_active, shape.experts.n_active);
    }
    EXPECT_TRUE(unused_tensors(config, weights).unexplained.empty());  // checks every name and shape, too
  }
}

TEST(ModelShapes, of_experts_use_as_many_parameters_a_token_as_the_real_models) {
  const auto active = [](const ModelShape& shape) {
    const PlannedWeights weights(shape);
    return static_cast<double>(
        count_parameters(read_config(make_metadata(shape, DType::q8_0), weights), weights).active);
  };
  // In billions, rounded as the models' cards round them.
  EXPECT_NEAR(active(shape_named("qwen3-30b-a3b")) / 1e9, 3.3, 0.06);
  EXPECT_NEAR(active(shape_named("mixtral-8x7b")) / 1e9, 12.9, 0.06);
}

TEST(ModelShapes, llama3_scaling_keeps_high_frequencies_and_divides_low_ones) {
  const std::vector<float> factors = llama3_rope_factors(shape_named("llama-3.2-1b"));
  ASSERT_EQ(factors.size(), 32u);
  EXPECT_FLOAT_EQ(factors.front(), 1);
  EXPECT_FLOAT_EQ(factors.back(), 32);
  for (size_t i = 1; i < factors.size(); ++i) EXPECT_GE(factors[i], factors[i - 1]) << i;
}

TEST(Vocabulary, has_the_size_of_the_shape_and_no_token_twice) {
  for (const char* name : {"llama-3.2-1b", "tiny-qwen3"}) {
    const ModelShape& shape = shape_named(name);
    Metadata metadata;
    add_vocabulary(metadata, shape);
    const std::vector<std::string>& tokens = *metadata.strings("tokenizer.ggml.tokens");
    EXPECT_EQ(tokens.size(), static_cast<size_t>(shape.vocab));
    EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), tokens.size());
    EXPECT_EQ(metadata.array("tokenizer.ggml.token_type")->count, tokens.size());
  }
}

TEST(Vocabulary, both_halves_of_a_merge_are_tokens_of_lower_id_than_the_whole) {
  Metadata metadata;
  add_vocabulary(metadata, shape_named("tiny-llama"));
  const std::vector<std::string>& tokens = *metadata.strings("tokenizer.ggml.tokens");
  const std::vector<std::string>& merges = *metadata.strings("tokenizer.ggml.merges");
  const auto id_of = [&](const std::string& token) { return std::find(tokens.begin(), tokens.end(), token); };
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ');
    const std::string left = merge.substr(0, space), right = merge.substr(space + 1);
    const auto whole = id_of(left + right);
    ASSERT_NE(whole, tokens.end()) << merge;
    EXPECT_LT(id_of(left), whole) << merge;
    EXPECT_LT(id_of(right), whole) << merge;
  }
}

TEST(RandomWeights, are_the_same_for_a_key_and_others_for_another) {
  std::vector<float> a(100), b(100), c(100);
  fill_random_row(row_key(1, "blk.0.attn_q.weight", 5), 1, a);
  fill_random_row(row_key(1, "blk.0.attn_q.weight", 5), 1, b);
  fill_random_row(row_key(1, "blk.0.attn_q.weight", 6), 1, c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(RandomWeights, have_mean_zero_and_the_deviation_asked_for) {
  std::vector<float> row(100000);
  fill_random_row(row_key(7, "t", 0), 0.5f, row);
  double sum = 0, squares = 0;
  for (const float value : row) {
    sum += value;
    squares += double{value} * value;
  }
  const double n = static_cast<double>(row.size());
  EXPECT_NEAR(sum / n, 0, 4 * 0.5 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.5, 4 * 0.5 / std::sqrt(2 * n));
}

}  // namespace
}  // namespace quandex::cli
