// Step inputs from assignments: one buffer a slot, filled by the host, reused for ever. Two slots, so that one step can
// be filled while the other runs. Filling allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "engine/engine_options.h"
#include "engine/scheduler.h"
#include "model/model.h"

namespace quandex {

struct StepShape {
  StepLimits limits;
  int n_groups = 1;
  int blocks_per_sequence = 1;
  int block_size = kBlockSize;
};

// Takes resolved options.
StepShape step_shape(const ModelConfig& config, const EngineOptions& options);

// One step. Rows of logits and hidden states are ordered by the kind of output wanted: tokens for the device to sample,
// tokens for the host to sample, logits of all positions, hidden rows only.
struct Step {
  StepInputs inputs;
  Tensor sample_ids;         // i32 [n_device_samples, 1]
  Tensor sample_parameters;  // i32 [n_device_samples, kSampleColumns], to be filled by who knows them
  int n_device_samples = 0;
  std::vector<Assignment> assignments;
  std::vector<int> output_rows;  // of each assignment: its first row of logits or hidden states
};

class StepRing {
 public:
  StepRing(const StepShape& shape, Backend& backend);

  // The next slot, filled. Valid until the next but one call. A token that is still being sampled is named by its row
  // in the last `sample`; Sequence::sample_row is set for those that this step samples.
  Step& fill(std::span<const Assignment> assignments);

  static uint64_t size_bytes(const StepShape& shape);

 private:
  // Where each array begins in a slot, in integers; every one on a border of 64 bytes.
  struct Layout {
    size_t tokens, positions, sequence_starts, lengths, rope_variants, output_rows, sample_ids, sample_parameters;
    std::array<size_t, kMaxKvGroups> slots, block_tables;
    size_t total;
  };
  static Layout layout_of(const StepShape& shape);

  void fill_sequences(Step& step, std::span<int32_t> host) const;
  void fill_blocks(const Step& step, std::span<int32_t> host) const;
  void fill_output_rows(Step& step, std::span<int32_t> host) const;
  void set_views(Step& step, Tensor slot) const;

  StepShape shape_;
  Layout layout_;
  Backend& backend_;
  std::array<Tensor, 2> slots_;
  std::array<Step, 2> steps_;
  size_t next_ = 0;
};

}  // namespace quandex
