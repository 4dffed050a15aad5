#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include "engine/tiny_engine.h"

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
