#include "engine/step.h"

#include <gtest/gtest.h>

#include <cstring>

#include "backend/backends.h"
#include "engine/kv_cache.h"

namespace quandex {
namespace {

using Values = std::vector<int32_t>;

class StepTest : public testing::Test {
 protected:
  Values read(Tensor t) const {
    const std::span<std::byte> bytes = backend_->host_view(t);
    Values values(bytes.size() / sizeof(int32_t));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  std::unique_ptr<Backend> backend_ = make_reference_backend();
  StepShape shape_{.limits = {16, 4, 8, 8}, .n_groups = 2, .blocks_per_sequence = 3, .block_size = 4};
};

TEST_F(StepTest, inputs_are_what_the_assignments_say) {
  StepRing ring(shape_, *backend_);
  Sequence prefill, decode, all;
  prefill.tokens = {10, 11, 12, 13, 14, 15};
  prefill.blocks[0] = {7, 2};
  prefill.blocks[1] = {kNoBlock, 5};
  prefill.rope_variant = 1;
  decode.tokens = {20, 21};
  decode.blocks[0] = {4};
  decode.blocks[1] = {1};
  decode.sample_row = 3;
  all.tokens = {30, 31, 32};
  all.blocks[0] = {0};
  all.blocks[1] = {0};
  all.output = Output::all_logits;
  const std::vector<Assignment> plan = {{&all, 1, 2, 2, 0}, {&prefill, 3, 2, 0, 0}, {&decode, 2, 1, 1, 0}};

  const Step& step = ring.fill(plan);
  const StepInputs& in = step.inputs;
  EXPECT_EQ(in.n_tokens, 5);
  EXPECT_EQ(in.n_sequences, 3);
  EXPECT_EQ(read(in.tokens), Values({31, 32, 13, 14, ~3}));  // the last is still being sampled, at row 3
  EXPECT_EQ(read(in.positions), Values({1, 2, 3, 4, 2}));
  EXPECT_EQ(read(in.sequence_starts), Values({0, 2, 4, 5}));
  EXPECT_EQ(read(in.lengths), Values({3, 5, 3}));
  EXPECT_EQ(read(in.rope_variants), Values({0, 1, 0}));
  EXPECT_EQ(read(in.kv[0].slots), Values({1, 2, 7 * 4 + 3, 2 * 4, 4 * 4 + 2}));
  EXPECT_EQ(in.kv[0].block_tables.cols, 3);
  const Values tables = read(in.kv[0].block_tables);
  EXPECT_EQ(Values({tables[0], tables[3], tables[4], tables[6]}), Values({0, 7, 2, 4}));
  EXPECT_EQ(read(in.kv[1].block_tables)[4], 5);
  EXPECT_EQ(in.n_logits, 3);
  EXPECT_EQ(in.n_hidden, 3);
  EXPECT_EQ(read(in.output_rows), Values({4, 0, 1}));  // what the device samples comes first
  EXPECT_EQ(step.n_device_samples, 1);
  EXPECT_EQ(step.sample_ids.rows, 1);
  EXPECT_EQ(step.sample_parameters.rows, 1);
  EXPECT_EQ(step.output_rows, std::vector<int>({1, 0, 0}));
  EXPECT_EQ(decode.sample_row, 0);
}

TEST_F(StepTest, rows_are_ordered_by_the_kind_of_output) {
  shape_.n_groups = 1;
  StepRing ring(shape_, *backend_);
  std::vector<Sequence> s(4);
  for (Sequence& q : s) q.tokens = {1, 2}, q.blocks[0] = {0};
  s[0].output = Output::hidden;
  s[1].output = Output::all_logits;
  s[2].output = Output::host_sample;
  s[3].output = Output::device_sample;
  const std::vector<Assignment> plan = {
      {&s[0], 0, 2, 2, 0}, {&s[1], 0, 2, 2, 0}, {&s[2], 0, 2, 1, 0}, {&s[3], 0, 2, 1, 0}};
  const Step& step = ring.fill(plan);
  EXPECT_EQ(read(step.inputs.output_rows), Values({7, 5, 2, 3, 0, 1}));
  EXPECT_EQ(step.n_device_samples, 1);
  EXPECT_EQ(step.inputs.n_logits, 4);
  EXPECT_EQ(step.inputs.n_hidden, 6);
  EXPECT_EQ(step.output_rows, std::vector<int>({4, 2, 1, 0}));
}

TEST_F(StepTest, two_slots_take_turns_and_do_not_touch) {
  shape_.n_groups = 1;
  StepRing ring(shape_, *backend_);
  Sequence a, b;
  a.tokens = {1, 2, 3};
  b.tokens = {4};
  a.blocks[0] = b.blocks[0] = {0};
  const std::vector<Assignment> first = {{&a, 0, 3, 1, 0}}, second = {{&b, 0, 1, 1, 0}};
  const Step& one = ring.fill(first);
  const Step& two = ring.fill(second);
  EXPECT_EQ(read(one.inputs.tokens), Values({1, 2, 3}));
  EXPECT_EQ(read(two.inputs.tokens), Values({4}));
  EXPECT_EQ(&ring.fill(first), &one);
  EXPECT_EQ(read(two.inputs.tokens), Values({4}));
}

TEST_F(StepTest, takes_the_bytes_it_says) {
  const size_t before = backend_->allocated_bytes();
  const StepRing ring(shape_, *backend_);
  EXPECT_EQ(backend_->allocated_bytes() - before, StepRing::size_bytes(shape_));
}

}  // namespace
}  // namespace quandex
