// A token's results do not depend, in any bit, on what shares its step: alone, in a ragged batch, prefilled in chunks
// of any size, on any number of threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "backend/attention_step.h"
#include "backend/backends.h"
#include "backend/op_inputs.h"

namespace quandex::test {
namespace {

class CpuInvariance : public testing::TestWithParam<IsaLevel> {};

std::string level_name(const testing::TestParamInfo<IsaLevel>& info) { return std::string(isa_name(info.param)); }

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::span<const float> row_of(const std::vector<float>& values, int row, int cols) {
  return {values.data() + area(row, cols), static_cast<size_t>(cols)};
}

// Attended rows by (sequence, position), from steps given as lists of parts.
using Steps = std::vector<std::vector<AttentionWorld::Part>>;

std::vector<std::vector<float>> attend_in_steps(IsaLevel isa, int n_threads, const AttentionShape& shape,
                                                const Steps& steps) {
  ThreadPool pool(n_threads);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {isa, false});
  AttentionWorld world(*cpu, shape);
  const int cols = shape.heads.q_cols();
  std::vector<std::vector<float>> rows(shape.sequences.size());
  for (const auto& parts : steps) {
    const std::vector<float> attended = world.run(parts).attended;
    auto from = attended.begin();
    for (const AttentionWorld::Part& part : parts) {
      auto& to = rows[static_cast<size_t>(part.sequence)];
      EXPECT_EQ(to.size(), area(part.first, cols)) << "the steps of this test are out of order";
      const auto n = static_cast<std::ptrdiff_t>(area(part.n_tokens, cols));
      to.insert(to.end(), from, from + n);
      from += n;
    }
  }
  return rows;
}

Steps each_alone(const AttentionShape& shape) {
  Steps steps;
  for (int s = 0; s < static_cast<int>(shape.sequences.size()); ++s)
    steps.push_back({{s, 0, shape.sequences[static_cast<size_t>(s)].n_new}});
  return steps;
}

// Chunks of all sequences side by side until each is done; the chunk of sequence s is s tokens longer.
Steps in_chunks(const AttentionShape& shape, int chunk) {
  Steps steps;
  for (int round = 0;; ++round) {
    std::vector<AttentionWorld::Part> parts;
    for (int s = static_cast<int>(shape.sequences.size()) - 1; s >= 0; --s) {
      const int n = shape.sequences[static_cast<size_t>(s)].n_new, first = round * (chunk + s);
      if (first < n) parts.push_back({s, first, std::min(chunk + s, n - first)});
    }
    if (parts.empty()) return steps;
    steps.push_back(parts);
  }
}

void expect_invariant_attention(IsaLevel isa, const AttentionShape& shape, std::span<const int> chunks) {
  const auto want = attend_in_steps(isa, 1, shape, each_alone(shape));
  const auto check = [&](int n_threads, const Steps& steps, const std::string& what) {
    const auto got = attend_in_steps(isa, n_threads, shape, steps);
    for (size_t s = 0; s < want.size(); ++s)
      EXPECT_TRUE(same_bits(got[s], want[s])) << "sequence " << s << ", " << what << ", " << n_threads << " threads";
  };
  std::vector<AttentionWorld::Part> together;
  for (const auto& parts : each_alone(shape)) together.push_back(parts.front());
  check(1, {together}, "in one batch");
  check(2, {together}, "in one batch");
  check(3, each_alone(shape), "alone");
  for (const int chunk : chunks) check(2, in_chunks(shape, chunk), fmt::format("in chunks of {}", chunk));
}

TEST_P(CpuInvariance, attention_of_a_token_is_the_same_alone_batched_and_chunked) {
  const int chunks[] = {1, 13, 64};
  expect_invariant_attention(
      GetParam(), {.heads = {4, 2, 24}, .sequences = {{0, 5}, {0, 90}, {0, 33}}, .rope_dims = 10, .has_norms = true},
      chunks);
}

TEST_P(CpuInvariance, attention_over_several_chunks_is_the_same_however_it_is_split) {
  const int chunks[] = {97, 255};
  expect_invariant_attention(GetParam(), {.heads = {3, 1, 6}, .kv_type = DType::f16, .sequences = {{0, 530}, {0, 3}}},
                             chunks);
  expect_invariant_attention(GetParam(), {.heads = {3, 1, 32}, .kv_type = DType::q8_0, .sequences = {{0, 530}, {0, 3}}},
                             chunks);
}

TEST_P(CpuInvariance, windowed_attention_is_the_same_alone_batched_and_chunked) {
  const int chunks[] = {50, 101};
  expect_invariant_attention(
      GetParam(),
      {.heads = {2, 2, 10}, .block_size = 16, .sequences = {{0, 400}, {0, 290}}, .window = 37, .softcap = 2}, chunks);
  expect_invariant_attention(GetParam(),
                             {.heads = {9, 3, 64},
                              .kv_type = DType::q8_0,
                              .block_size = 16,
                              .sequences = {{0, 400}, {0, 290}},
                              .window = 37,
                              .rope_dims = 64},
                             chunks);
}

// An infinite value of a later token must not reach an earlier one of the same tile.
void expect_untouched(IsaLevel isa, DType kv_type) {
  ThreadPool pool(1);
  const HeadShape heads{1, 1, 32};
  std::vector<float> first_row[2];
  for (const int n_tokens : {1, 6}) {
    const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {isa, false});
    AttentionWorld world(*cpu, {.heads = heads, .kv_type = kv_type, .sequences = {{0, 6}}});
    Tensor qkv, q, out;
    const StepInputs in = world.make_inputs({{0, 0, n_tokens}}, qkv, q, out);
    std::vector<float> rows = floats_of(*cpu, qkv);
    for (int t = 1; t < n_tokens; ++t)
      for (int d = 0; d < 2 * heads.head_dim; ++d)
        rows[area(t, heads.qkv_cols()) + static_cast<size_t>(heads.head_dim + d)] =
            std::numeric_limits<float>::infinity();
    set_tensor<float>(*cpu, qkv, rows);
    CommandBatch& batch = cpu->begin();
    world.record(batch, in, qkv, q, out);
    submit(*cpu, batch);
    first_row[n_tokens > 1] = floats_of(*cpu, first_rows(out, 1));
  }
  EXPECT_TRUE(same_bits(first_row[0], first_row[1]));
  EXPECT_TRUE(std::isfinite(first_row[0][0]));
}

TEST_P(CpuInvariance, what_a_token_does_not_see_cannot_touch_it) {
  for (const DType type : kKvTypes) expect_untouched(GetParam(), type);
}

// One value that q8_0 cannot hold makes its block NaN, here and on the reference, and no other block.
TEST_P(CpuInvariance, what_q8_0_cannot_hold_is_not_a_number) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ThreadPool pool(1);
  const HeadShape heads{1, 1, 64};
  for (const float value : {8.31e6f, -8.31e6f, 8.33e6f, -1e30f, kInfinity, -kInfinity, std::nanf("")})
    for (const bool is_reference : {false, true}) {
      const std::unique_ptr<Backend> backend =
          is_reference ? make_reference_backend() : make_cpu_backend(pool, {GetParam(), false});
      AttentionWorld world(*backend, {.heads = heads, .kv_type = DType::q8_0, .sequences = {{0, 3}}});
      Tensor qkv, q, out;
      const StepInputs in = world.make_inputs({{0, 0, 3}}, qkv, q, out);
      std::vector<float> rows = floats_of(*backend, qkv);
      rows[static_cast<size_t>(heads.q_cols() + heads.kv_cols() + 5)] = value;
      set_tensor<float>(*backend, qkv, rows);
      CommandBatch& batch = backend->begin();
      world.record(batch, in, qkv, q, out);
      submit(*backend, batch);
      const std::vector<float> attended = floats_of(*backend, out);
      const bool fits = std::abs(value) <= 127 * 65504.0f;
      EXPECT_EQ(std::isfinite(attended[5]), fits) << value << (is_reference ? " on the reference" : "");
      EXPECT_EQ(std::isnan(attended[5]), !fits) << value << (is_reference ? " on the reference" : "");
      EXPECT_TRUE(std::isfinite(attended[40]));
    }
}

// One layer's worth of row-wise operations on rows [first, first + n) of x.
std::vector<float> run_rows(Backend& cpu, const Linear& up, const Linear& down, Tensor norm, std::span<const float> x,
                            int cols) {
  const int n = static_cast<int>(x.size()) / cols;
  const Tensor in = float_tensor(cpu, n, cols, {x.begin(), x.end()}), h = cpu.allocate(DType::f32, n, cols);
  const Tensor wide = cpu.allocate(DType::f32, n, up.rows()), gated = cpu.allocate(DType::f32, n, up.rows() / 2);
  CommandBatch& batch = cpu.begin();
  batch.rms_norm(h, in, norm, 1e-5f);
  batch.linear(wide, h, up);
  batch.glu(gated, wide, Activation::silu);
  batch.linear(in, gated, down, Into::add);
  batch.softcap(in, 20);
  submit(cpu, batch);
  return floats_of(cpu, in);
}

TEST_P(CpuInvariance, rows_of_products_and_norms_are_the_same_alone_and_together) {
  constexpr int kTokens = 21, kCols = 512, kWide = 2 * 256;
  for (const DType type : {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k, DType::q5_1, DType::f16, DType::f32}) {
    Random random(41);
    const HostMatrix up_host(type, kWide, kCols, random), down_host(type, kCols, kWide / 2, random);
    const std::vector<float> x = random.reals(area(kTokens, kCols), 2), norm_host = random.reals(kCols);
    std::vector<float> alone;
    for (const int n_threads : {1, 2, 4}) {
      ThreadPool pool(n_threads);
      const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {GetParam(), false});
      const Linear up{{up_host.upload(*cpu)}, 1, {}}, down{{down_host.upload(*cpu)}, 1, {}};
      const Tensor norm = float_tensor(*cpu, 1, kCols, norm_host);
      if (alone.empty())
        for (int t = 0; t < kTokens; ++t) {
          const std::vector<float> row = run_rows(*cpu, up, down, norm, row_of(x, t, kCols), kCols);
          alone.insert(alone.end(), row.begin(), row.end());
        }
      for (const int n : {2, 9, kTokens}) {
        const std::vector<float> rows = run_rows(*cpu, up, down, norm, std::span(x).first(area(n, kCols)), kCols);
        EXPECT_TRUE(same_bits(rows, std::span<const float>(alone).first(area(n, kCols))))
            << format_of(type).name << ", " << n << " rows, " << n_threads << " threads";
      }
    }
  }
}

TEST_P(CpuInvariance, an_experts_output_does_not_depend_on_the_rows_that_share_it) {
  constexpr int kTokens = 17, kCols = 64, kRows = 40, kExperts = 3, kActive = 2;
  ThreadPool pool(2);
  for (const DType type : {DType::q4_0, DType::q8_0, DType::f16}) {
    Random random(42);
    const HostMatrix host(type, kExperts * kRows, kCols, random);
    const std::vector<float> x = random.reals(area(kTokens, kCols));
    std::vector<int32_t> chosen;
    for (int t = 0; t < kTokens; ++t) {
      chosen.push_back(random.below(kExperts));
      chosen.push_back((chosen.back() + 1) % kExperts);
    }
    const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {GetParam(), false});
    const ExpertLinear w{{host.upload(*cpu)}, 1, kExperts};
    const auto run = [&](int first, int n) {
      const auto row = [&](auto& values, int cols) {
        return values.begin() + static_cast<std::ptrdiff_t>(area(first, cols));
      };
      const auto end = [&](auto& values, int cols) {
        return row(values, cols) + static_cast<std::ptrdiff_t>(area(n, cols));
      };
      const Tensor in = float_tensor(*cpu, n, kCols, {row(x, kCols), end(x, kCols)});
      const Tensor experts = integer_tensor(*cpu, n, kActive, {row(chosen, kActive), end(chosen, kActive)});
      const Tensor out = cpu->allocate(DType::f32, n * kActive, kRows);
      CommandBatch& batch = cpu->begin();
      batch.expert_linear(out, in, w, experts);
      submit(*cpu, batch);
      return floats_of(*cpu, out);
    };
    const std::vector<float> together = run(0, kTokens);
    for (int t = 0; t < kTokens; ++t)
      EXPECT_TRUE(same_bits(run(t, 1), row_of(together, t, kActive * kRows))) << format_of(type).name << " row " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(levels, CpuInvariance,
                         testing::ValuesIn(supported_isa_levels().begin(), supported_isa_levels().end()), level_name);

}  // namespace
}  // namespace quandex::test
