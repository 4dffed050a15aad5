// The forward pass with everything that a layer may have, on every backend.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "backend/backends.h"
#include "support/random_model.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

constexpr int kTokens = 50;  // more than the widest window

std::vector<int32_t> some_tokens() {
  std::vector<int32_t> ids;
  for (int i = 0; i < kTokens; ++i) ids.push_back((i * i * 5 + 11 * i + 3) % RandomModel::kVocab);
  return ids;
}

RandomModel everything(DType type = DType::f32) {
  RandomModel model(every_kind_of_layer(), type);
  model.config.activation = Activation::gelu_tanh;
  model.config.embed_scale = 8;
  model.config.logit_softcap = 6;
  return model;
}

std::vector<float> logits_on(Backend& backend, const RandomModel& model, DType kv_type = DType::f32) {
  return run_tokens(model.load(backend), backend, some_tokens(), kv_type);
}

std::vector<float> reference_logits(const RandomModel& model) {
  const auto reference = make_reference_backend();
  return logits_on(*reference, model);
}

std::vector<float> cpu_logits(const RandomModel& model) {
  ThreadPool pool(1);
  const auto cpu = make_cpu_backend(pool);
  return logits_on(*cpu, model);
}

// The largest difference, relative to the largest logit.
double relative_difference(std::span<const float> a, std::span<const float> b) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(double{a[i]} - double{b[i]}));
    largest = std::max(largest, std::abs(double{b[i]}));
  }
  return difference / largest;
}

TEST(Forward, every_kind_of_layer_agrees_on_cpu_and_reference_at_every_level) {
  // Float32 sums of up to 96 terms, some ten a layer one after the other, six layers: 4 eps sqrt(96 * 60).
  const double tolerance = 4 * std::numeric_limits<float>::epsilon() * std::sqrt(96.0 * 60.0);
  for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_0}) {
    const RandomModel model = everything(type);
    const std::vector<float> want = reference_logits(model);
    ASSERT_EQ(want.size(), size_t{kTokens} * RandomModel::kVocab);
    for (const IsaLevel level : supported_isa_levels()) {
      ThreadPool pool(2);
      const auto cpu = make_cpu_backend(pool, {.isa = level, .exact_activations = true});
      EXPECT_LT(relative_difference(logits_on(*cpu, model), want), tolerance)
          << isa_name(level) << " " << format_of(type).name;
    }
  }
}

TEST(Forward, everything_that_a_layer_or_model_may_have_changes_the_logits) {
  RandomModel model = everything();
  const ModelConfig config = model.config;
  const std::vector<float> all = cpu_logits(model);
  const auto differs = [&](const std::function<void(ModelConfig&)>& change) {
    model.config = config;
    change(model.config);
    return relative_difference(cpu_logits(model), all) > 1e-3;
  };
  EXPECT_TRUE(differs([](ModelConfig& c) { c.activation = Activation::silu; }));
  EXPECT_TRUE(differs([](ModelConfig& c) { c.embed_scale = 1; }));
  EXPECT_TRUE(differs([](ModelConfig& c) { c.logit_softcap = 0; }));
  for (size_t i = 0; i < every_kind_of_layer().size(); ++i) {
    const AttentionConfig attention = config.layers[i].attention;
    const RouteConfig routing = config.layers[i].routing;
    if (attention.softcap > 0) {
      EXPECT_TRUE(differs([=](ModelConfig& c) { c.layers[i].attention.softcap = 0; })) << "layer " << i;
    }
    if (attention.window > 0) {
      EXPECT_TRUE(differs([=](ModelConfig& c) { c.layers[i].attention.window = 0; })) << "layer " << i;
    }
    if (routing.n_experts > 0) {
      EXPECT_TRUE(differs([=](ModelConfig& c) { ++c.layers[i].routing.n_active; })) << "layer " << i;
      // A norm of the sum takes its scale away.
      EXPECT_NE(differs([=](ModelConfig& c) { c.layers[i].routing.scale *= 1.25f; }),
                every_kind_of_layer()[i].has_post_norms)
          << "layer " << i;
    }
    EXPECT_TRUE(differs([=](ModelConfig& c) { c.layers[i].rope = (c.layers[i].rope + 1) % 3; })) << "layer " << i;
    // Norms, biases and routing are tensors and numbers of the layer itself.
    const auto layer_differs = [&](const std::function<void(RandomLayer&)>& change) {
      std::vector<RandomLayer> layers = every_kind_of_layer();
      change(layers[i]);
      RandomModel changed(layers);
      changed.config = config;
      return relative_difference(cpu_logits(changed), all) > 1e-3;
    };
    EXPECT_TRUE(layer_differs([](RandomLayer& l) { l.has_post_norms = !l.has_post_norms; })) << "layer " << i;
    EXPECT_TRUE(layer_differs([](RandomLayer& l) { l.has_qk_norm = !l.has_qk_norm; })) << "layer " << i;
    EXPECT_TRUE(layer_differs([](RandomLayer& l) { l.has_bias = !l.has_bias; })) << "layer " << i;
  }
}

TEST(Forward, a_post_norm_follows_the_sum_of_the_experts) {
  const auto with_scale = [](float scale, bool has_post_norms) {
    const RouteConfig routing{3, 2, RouteScore::softmax_then_choose, true, scale};
    RandomModel model({{.routing = routing, .has_post_norms = has_post_norms}});
    model.config.norm_eps = 1e-12f;
    return reference_logits(model);
  };
  // A norm takes every scale of the sum away; without one it stays.
  EXPECT_LT(relative_difference(with_scale(4, true), with_scale(1, true)), 1e-6);
  EXPECT_GT(relative_difference(with_scale(4, false), with_scale(1, false)), 1e-3);
}

}  // namespace
}  // namespace quandex
