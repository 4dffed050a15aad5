// The CPU backend's memory, its choice of instruction set, and what a step costs in allocations: nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <optional>

#include "backend/attention_step.h"
#include "backend/backends.h"
#include "backend/op_inputs.h"
#include "backend/sample_row.h"
#include "base/error.h"
#include "support/allocation_count.h"

namespace quandex::test {
namespace {

class IsaVariable {  // QUANDEX_ISA for the time of a test
 public:
  explicit IsaVariable(const char* value) {
    if (const char* old = std::getenv("QUANDEX_ISA")) old_ = old;
    setenv("QUANDEX_ISA", value, 1);
  }
  ~IsaVariable() { old_ ? setenv("QUANDEX_ISA", old_->c_str(), 1) : unsetenv("QUANDEX_ISA"); }

 private:
  std::optional<std::string> old_;
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CpuBackend, environment_chooses_the_level) {
  ThreadPool pool(1);
  const IsaVariable variable("base");
  EXPECT_NE(make_cpu_backend(pool)->info().name.find(", base,"), std::string::npos);
}

TEST(CpuBackend, unknown_level_is_refused_naming_the_supported_ones) {
  ThreadPool pool(1);
  const IsaVariable variable("avx9");
  const std::string message = message_of([&] { make_cpu_backend(pool); });
  EXPECT_NE(message.find("\"avx9\""), std::string::npos) << message;
  EXPECT_NE(message.find("base"), std::string::npos) << message;
}

TEST(CpuBackend, level_of_another_processor_is_refused) {
  ThreadPool pool(1);
  const std::span<const IsaLevel> supported = supported_isa_levels();
  // No processor has both.
  const bool is_arm = std::find(supported.begin(), supported.end(), IsaLevel::avx2) == supported.end();
  const IsaLevel foreign = is_arm ? IsaLevel::avx512_vnni : IsaLevel::neon_i8mm;
  const std::string message = message_of([&] { make_cpu_backend(pool, {foreign, false}); });
  EXPECT_NE(message.find(isa_name(foreign)), std::string::npos) << message;
  EXPECT_NE(message.find("base"), std::string::npos) << message;
}

TEST(CpuBackend, absurd_size_is_an_error_with_numbers) {
  ThreadPool pool(1);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  const std::string message = message_of([&] { cpu->allocate(DType::f32, 1 << 30, 1 << 30); });
  EXPECT_NE(message.find("cannot allocate 4398046511104.0 MiB"), std::string::npos) << message;
  EXPECT_EQ(cpu->allocated_bytes(), 0u);
}

TEST(CpuBackend, allocated_memory_is_zeroed_aligned_and_counted) {
  ThreadPool pool(1);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  const Tensor small = cpu->allocate(DType::f32, 3, 5), large = cpu->allocate(DType::f16, 3000, 1001);
  EXPECT_EQ(cpu->allocated_bytes(), 3u * 5 * 4 + 3000u * 1001 * 2);
  for (const Tensor t : {small, large}) {
    const std::span<std::byte> bytes = cpu->host_view(t);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 64, 0u);
    EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; }));
  }
  EXPECT_EQ(cpu->host_view(small).size(), 60u);
}

TEST(CpuBackend, one_run_of_real_rows_stays_in_the_file_and_anything_else_is_copied) {
  ThreadPool pool(2);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  Random random(1);
  const HostMatrix real(DType::f16, 8, 64, random), packed(DType::q8_0, 8, 64, random);
  const std::array<RowSegment, 2> adjacent{{{&real.tensor, 0, 3}, {&real.tensor, 3, 5}}};
  const std::array<RowSegment, 2> swapped{{{&real.tensor, 4, 4}, {&real.tensor, 0, 4}}};
  EXPECT_TRUE(cpu->aliases_host(real.upload(*cpu)));
  EXPECT_TRUE(cpu->aliases_host(cpu->upload("adjacent", DType::f16, adjacent)));
  EXPECT_EQ(cpu->allocated_bytes(), 0u);
  EXPECT_FALSE(cpu->aliases_host(cpu->upload("swapped", DType::f16, swapped)));
  EXPECT_EQ(cpu->allocated_bytes(), 8u * 64 * 2);
  EXPECT_FALSE(cpu->aliases_host(packed.upload(*cpu)));
}

TEST(CpuBackend, stacked_segments_keep_their_order) {
  ThreadPool pool(2);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  for (const DType type : {DType::f32, DType::q4_0, DType::q4_k}) {
    Random random(2);
    const HostMatrix first(type, 9, 256, random), second(type, 40, 256, random);
    const std::array<RowSegment, 3> rows{{{&second.tensor, 30, 10}, {&first.tensor, 2, 7}, {&second.tensor, 0, 30}}};
    const Tensor table = cpu->upload("stack", type, rows);
    const Tensor tokens = integer_tensor(*cpu, 3, 1, {0, 10, 46}), out = cpu->allocate(DType::f32, 3, 256);
    CommandBatch& batch = cpu->begin();
    batch.embed(out, table, tokens, 1);
    submit(*cpu, batch);
    const std::vector<float> got = floats_of(*cpu, out);
    const auto matches = [&](int row, const HostMatrix& from, int from_row) {
      return std::equal(got.begin() + 256 * row, got.begin() + 256 * (row + 1), from.decoded.begin() + 256 * from_row);
    };
    EXPECT_TRUE(matches(0, second, 30) && matches(1, first, 2) && matches(2, second, 29)) << format_of(type).name;
  }
}

TEST(CpuBackend, tensor_without_bytes_is_refused_by_name) {
  ThreadPool pool(1);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  HostTensor shape_only;
  shape_only.shape = {4, 32};
  const RowSegment all{&shape_only, 0, 4};
  const std::string message = message_of([&] { cpu->upload("blk.0.ffn_up", DType::f32, {&all, 1}); });
  EXPECT_NE(message.find("blk.0.ffn_up"), std::string::npos) << message;
}

// A decoding step through every operation.
TEST(CpuBackend, recording_and_running_a_step_allocates_nothing_once_warm) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  constexpr int kDim = 64, kExperts = 4, kActive = 2, kVocab = 99;
  ThreadPool pool(2);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool);
  const AttentionShape shape{
      .heads = {4, 2, 16}, .kv_type = DType::f16, .sequences = {{0, 300}, {0, 40}}, .rope_dims = 16, .has_norms = true};
  AttentionWorld world(*cpu, shape);
  world.run({{0, 0, 299}, {1, 0, 39}});
  Tensor qkv, q, attended;
  const StepInputs in = world.make_inputs({{0, 299, 1}, {1, 39, 1}}, qkv, q, attended);
  Random random(3);
  const HostMatrix square(DType::q8_0, kDim, kDim, random), head(DType::q4_0, kVocab, kDim, random);
  const HostMatrix wide(DType::q8_0, 2 * kDim, kDim, random), stack(DType::q4_0, kExperts * kDim, kDim, random);
  const HostMatrix qkv_host(DType::f16, shape.heads.qkv_cols(), kDim, random),
      scores(DType::f32, kExperts, kDim, random);
  const auto linear = [&](const HostMatrix& host) { return Linear{{host.upload(*cpu)}, 1, {}}; };
  const Linear out_w = linear(square), up_w = linear(wide), head_w = linear(head), qkv_w = linear(qkv_host);
  const Linear router_w = linear(scores);
  const ExpertLinear expert_w{{stack.upload(*cpu)}, 1, kExperts};
  const Tensor norm = float_tensor(*cpu, 1, kDim, random.reals(kDim));
  const auto floats = [&](int rows, int cols) { return cpu->allocate(DType::f32, rows, cols); };
  const Tensor x = floats(2, kDim), h = floats(2, kDim), up = floats(2, 2 * kDim), logits = floats(2, kVocab);
  const Tensor routing = floats(2, kExperts), weights = floats(2, kActive), branches = floats(2 * kActive, kDim);
  const Tensor experts = cpu->allocate(DType::i32, 2, kActive), ids = cpu->allocate(DType::i32, 2, 1);
  const Tensor tokens = integer_tensor(*cpu, 2, 1, {1, 2}), rows = integer_tensor(*cpu, 2, 1, {1, 0});
  SampleParameters sampling;
  sampling.temperature = 1;
  sampling.top_p = 0.9f;
  std::vector<int32_t> packed(2 * kSampleColumns);
  for (const size_t row : {size_t{0}, size_t{1}})
    pack_sample_parameters(sampling, {packed.data() + row * kSampleColumns, kSampleColumns});
  const Tensor parameters = integer_tensor(*cpu, 2, kSampleColumns, packed);

  const auto step = [&] {
    CommandBatch& batch = cpu->begin();
    batch.embed(x, head_w.parts[0], tokens, 1);
    for (int layer = 0; layer < 3; ++layer) {
      batch.rms_norm(h, x, norm, 1e-5f);
      batch.linear(qkv, h, qkv_w);
      world.record(batch, in, qkv, q, attended);
      batch.linear(x, attended, out_w, Into::add);
      batch.linear(up, x, up_w);
      batch.glu(h, up, Activation::gelu_tanh);
      batch.linear(routing, h, router_w);
      batch.route(weights, experts, routing, {kExperts, kActive});
      batch.expert_linear(branches, h, expert_w, experts);
      batch.expert_sum(x, branches, weights, Into::add);
    }
    batch.gather_rows(h, x, rows);
    batch.linear(logits, h, head_w);
    batch.softcap(logits, 30);
    batch.sample(ids, logits, parameters);
    submit(*cpu, batch);
  };
  step();
  step();
  const int64_t before = allocation_count();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(allocation_count() - before, 0);
  EXPECT_GE(integers_of(*cpu, ids)[0], 0);
}

}  // namespace
}  // namespace quandex::test
