#include "engine/memory_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/tiny_engine.h"
#include "model/checkpoint.h"
#include "support/golden_cases.h"

namespace quandex {
namespace {

TEST(MemoryPlan, equals_what_model_and_engine_take) {
  for (const char* name : {"reference", "cpu"})
    for (const int window : {0, 24})
      for (const DType kv_type : kKvTypes)
        for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q5_1}) {
          TinyModel model("qwen3", type);
          if (window > 0) model.set_window(window);
          const EngineOptions options{.n_ctx = 100, .max_sequences = 3, .token_budget = 40, .kv_type = kv_type};
          const TinyBackend backend(name);
          const MemoryPlan plan = plan_memory(model.config, model.checkpoint->weights, options, *backend);
          EXPECT_EQ(backend->allocated_bytes(), 0u);
          Model loaded = model.load(*backend);
          EXPECT_EQ(backend->allocated_bytes(), plan.weight_bytes);
          const Engine engine(std::move(loaded), *backend, options);
          EXPECT_EQ(backend->allocated_bytes(), plan.total_bytes());
        }
}

// Of every kind of model and file that there is a fixture for.
TEST(MemoryPlan, equals_what_every_kind_of_model_takes) {
  for (const GoldenFile& file : golden_files()) {
    SCOPED_TRACE(file.name);
    const Checkpoint checkpoint(file.path);
    const ModelConfig config = checkpoint.read_config();
    for (const DType kv_type : kKvTypes) {
      const bool is_possible = std::ranges::all_of(
          config.layers, [&](const LayerConfig& layer) { return holds_kv(kv_type, layer.attention.heads.head_dim); });
      if (!is_possible) continue;
      const EngineOptions options{.n_ctx = 33, .max_sequences = 5, .token_budget = 40, .kv_type = kv_type};
      const TinyBackend backend("cpu");
      const MemoryPlan plan = plan_memory(config, checkpoint.weights(), options, *backend);
      const Engine engine(load_model(config, checkpoint.weights(), *backend), *backend, options);
      EXPECT_EQ(backend->allocated_bytes(), plan.total_bytes());
    }
  }
}

TEST(MemoryPlan, equals_what_every_shape_of_engine_takes) {
  const TinyModel model("llama", DType::q4_0);
  for (const DType kv_type : kKvTypes)
    for (const EngineOptions& shape : {EngineOptions{.n_ctx = 1}, EngineOptions{.n_ctx = 33, .max_sequences = 64},
                                       EngineOptions{.max_sequences = 300, .token_budget = 300},
                                       EngineOptions{.n_ctx = 64, .max_sequences = 8, .n_kv_blocks = 5}}) {
      EngineOptions options = shape;
      options.kv_type = kv_type;
      const TinyBackend backend("cpu");
      const MemoryPlan plan = plan_memory(model.config, model.checkpoint->weights, options, *backend);
      const Engine engine(model.load(*backend), *backend, options);
      EXPECT_EQ(backend->allocated_bytes(), plan.total_bytes());
    }
}

TEST(MemoryPlan, weights_that_stay_in_the_file_are_counted_apart) {
  const TinyModel model("llama", DType::f16);
  const TinyBackend cpu("cpu"), reference;
  const MemoryPlan there = plan_memory(model.config, model.checkpoint->weights, {}, *cpu);
  const MemoryPlan copied = plan_memory(model.config, model.checkpoint->weights, {}, *reference);
  EXPECT_GT(there.mapped_bytes, 0u);
  EXPECT_EQ(copied.mapped_bytes, 0u);
  EXPECT_EQ(there.mapped_bytes + there.weight_bytes, copied.weight_bytes);
  EXPECT_EQ(there.wanted_bytes(), there.total_bytes() + there.mapped_bytes);
}

// The answers are the last that fit: one more does not.
TEST(MemoryPlanner, finds_the_largest_that_fits) {
  const TinyModel model("llama", DType::q8_0);  // trained on 512
  const TinyBackend backend("cpu");
  const MemoryPlanner planner(model.config, model.checkpoint->weights, *backend);
  const auto wanted = [&](const EngineOptions& options) { return planner.plan(options).wanted_bytes(); };
  const EngineOptions options{.n_ctx = 96, .max_sequences = 3, .token_budget = 16};
  for (const int n_ctx : {32, 64, 320, 511, 512}) {
    EngineOptions fitting = options;
    fitting.n_ctx = n_ctx;
    const int last = std::min(512, blocks_of(n_ctx) * kBlockSize);  // takes as much
    EXPECT_EQ(planner.largest_context(options, wanted(fitting)), last);
    fitting.n_ctx = last;
    EXPECT_EQ(planner.largest_context(options, wanted(fitting) - 1).value_or(0), (blocks_of(n_ctx) - 1) * kBlockSize);
  }
  for (const int n : {1, 2, 15, 16, 17, 100, kMostSequences}) {
    EngineOptions fitting = options;
    fitting.max_sequences = n;
    fitting.token_budget = std::max(16, n);
    EXPECT_EQ(planner.most_sequences(options, wanted(fitting)), n);
    EXPECT_EQ(planner.most_sequences(options, wanted(fitting) - 1).value_or(0), n - 1);
  }
  EXPECT_EQ(planner.largest_context(options, UINT64_MAX), 512);
  EXPECT_EQ(planner.most_sequences(options, UINT64_MAX), kMostSequences);
  EXPECT_EQ(planner.largest_context(options, 0), std::nullopt);
  EXPECT_EQ(planner.most_sequences(options, 0), std::nullopt);
}

// Scratch and step inputs are those of all sequences, K/V that of one context: what is found leaves room for its
// blocks.
TEST(MemoryPlanner, finds_the_largest_context_that_a_server_can_have_once) {
  const TinyModel model("llama", DType::f16);  // trained on 512
  const TinyBackend backend("cpu");
  const MemoryPlanner planner(model.config, model.checkpoint->weights, *backend);
  const EngineOptions options{.max_sequences = 60};
  const auto plan_of = [&](int n_ctx) {
    EngineOptions tried = options;
    tried.n_ctx = n_ctx;
    tried.n_kv_blocks = blocks_of(n_ctx);
    return planner.plan(tried);
  };
  for (const int n_ctx : {32, 64, 320, 512}) {
    const uint64_t available_bytes = plan_of(n_ctx).wanted_bytes();
    EXPECT_EQ(planner.largest_single_context(options, available_bytes), n_ctx);
    EngineOptions served = options;
    served.n_ctx = n_ctx;
    EXPECT_EQ(planner.most_kv_blocks(served, available_bytes), blocks_of(n_ctx));
  }
  EXPECT_EQ(planner.largest_single_context(options, plan_of(64).wanted_bytes() - 1), 32);
  EXPECT_EQ(planner.largest_single_context(options, plan_of(64).total_bytes()), 64);  // weights from the file
  EXPECT_EQ(planner.largest_single_context(options, plan_of(1).total_bytes() - 1), std::nullopt);
  EXPECT_EQ(planner.largest_single_context(options, UINT64_MAX), 512);
}

TEST(MemoryPlanner, finds_the_blocks_for_a_server) {
  const TinyModel model("llama", DType::f16);
  const TinyBackend backend("cpu");
  const MemoryPlanner planner(model.config, model.checkpoint->weights, *backend);
  const EngineOptions options{.n_ctx = 100, .max_sequences = 5};  // four blocks each
  const auto plan_of = [&](int n_blocks) {
    EngineOptions tried = options;
    tried.n_kv_blocks = n_blocks;
    return planner.plan(tried);
  };
  EXPECT_EQ(planner.most_kv_blocks(options, UINT64_MAX), 20);
  for (const int n : {4, 5, 11, 19, 20}) EXPECT_EQ(planner.most_kv_blocks(options, plan_of(n).wanted_bytes()), n);
  EXPECT_EQ(planner.most_kv_blocks(options, plan_of(20).wanted_bytes() - 1), 19);
  // One context must fit beside the weights that take memory; the others may come from the file again and again.
  EXPECT_EQ(planner.most_kv_blocks(options, plan_of(4).wanted_bytes() - 1), 4);
  EXPECT_EQ(planner.most_kv_blocks(options, plan_of(4).total_bytes()), 4);
  const MemoryPlan one = plan_of(4);
  try {
    planner.most_kv_blocks(options, one.total_bytes() - 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    EXPECT_EQ(std::string(error.what()),
              fmt::format("one context of 100 tokens takes {} bytes ({} of weights, {} of K/V, {} of scratch and step "
                          "inputs), and {} are available",
                          one.total_bytes(), one.weight_bytes, one.kv_bytes, one.scratch_bytes + one.step_bytes,
                          one.total_bytes() - 1));
  }
}

TEST(MemoryPlanner, refuses_options_that_no_memory_makes_possible) {
  const TinyModel model("llama");
  const TinyBackend backend;
  const MemoryPlanner planner(model.config, model.checkpoint->weights, *backend);
  for (const int n : {-1, 0, kMostSequences + 1}) {
    EXPECT_THROW(planner.largest_context({.max_sequences = n}, UINT64_MAX), Error);
    EXPECT_THROW(planner.plan({.max_sequences = n}), Error);
  }
  EXPECT_THROW(planner.most_sequences({.n_ctx = 513}, UINT64_MAX), Error);
  EXPECT_THROW(planner.most_kv_blocks({.n_ctx = -1}, UINT64_MAX), Error);
}

TEST(MemoryPlan, keys_and_values_take_their_bytes_and_no_more) {
  const TinyModel model("llama");  // two layers, two K/V heads of 32 values
  const EngineOptions options = resolve_options({.n_ctx = 100, .max_sequences = 3}, model.config);
  EXPECT_EQ(options.n_kv_blocks, 3 * 4);
  EXPECT_EQ(KvCache::size_bytes(model.config, options), 2u * 2u * 12u * 32u * 64u * 2u);
}

TEST(MemoryPlan, q8_0_takes_34_bytes_for_32_values) {
  const TinyModel model("llama");
  const EngineOptions options =
      resolve_options({.n_ctx = 100, .max_sequences = 3, .kv_type = DType::q8_0}, model.config);
  EXPECT_EQ(KvCache::size_bytes(model.config, options), 2u * 2u * 12u * 32u * 64u / 32u * 34u);
}

class KvCacheOf : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, KvCacheOf, testing::ValuesIn(kKvTypes),
                         [](const auto& info) { return std::string(format_of(info.param).name); });

TEST_P(KvCacheOf, layers_lie_apart_in_one_allocation) {
  TinyModel model("llama");
  model.set_window(8);
  model.config.layers[0].attention.heads.n_kv_heads = 4;  // widths may differ
  const EngineOptions options = resolve_options({.n_ctx = 64, .token_budget = 16, .kv_type = GetParam()}, model.config);
  const auto backend = make_reference_backend();
  const KvCache kv(model.config, options, *backend);
  EXPECT_EQ(backend->allocated_bytes(), KvCache::size_bytes(model.config, options));
  size_t offset = 0;
  for (const KvLayer& layer : kv.layers()) {
    for (const Tensor& t : {layer.keys, layer.values}) {
      EXPECT_EQ(t.buffer, kv.layers()[0].keys.buffer);
      EXPECT_EQ(t.offset, offset);
      offset += backend->host_view(t).size();
    }
  }
  EXPECT_EQ(offset, backend->allocated_bytes());
}

}  // namespace
}  // namespace quandex
