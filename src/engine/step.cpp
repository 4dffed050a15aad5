#include "engine/step.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace quandex {

StepShape step_shape(const ModelConfig& config, const EngineOptions& options) {
  return {step_limits(options), static_cast<int>(config.kv_group_windows.size()),
          (options.n_ctx + kBlockSize - 1) / kBlockSize, kBlockSize};
}

StepRing::Layout StepRing::layout_of(const StepShape& shape) {
  constexpr size_t kBorder = 64 / sizeof(int32_t);
  Layout layout{};
  const auto n_tokens = static_cast<size_t>(shape.limits.n_tokens);
  const auto n_sequences = static_cast<size_t>(shape.limits.n_sequences);
  const auto place = [&layout](size_t n) {
    const size_t at = layout.total;
    layout.total += (n + kBorder - 1) / kBorder * kBorder;
    return at;
  };
  layout.tokens = place(n_tokens);
  layout.positions = place(n_tokens);
  layout.sequence_starts = place(n_sequences + 1);
  layout.lengths = place(n_sequences);
  layout.rope_variants = place(n_sequences);
  layout.output_rows = place(static_cast<size_t>(shape.limits.n_hidden));
  layout.sample_ids = place(n_sequences);
  layout.sample_parameters = place(n_sequences * kSampleColumns);
  for (size_t g = 0; g < static_cast<size_t>(shape.n_groups); ++g) {
    layout.slots[g] = place(n_tokens);
    layout.block_tables[g] = place(n_sequences * static_cast<size_t>(shape.blocks_per_sequence));
  }
  return layout;
}

uint64_t StepRing::size_bytes(const StepShape& shape) {
  return layout_of(shape).total * sizeof(int32_t) * std::tuple_size_v<decltype(slots_)>;
}

StepRing::StepRing(const StepShape& shape, Backend& backend)
    : shape_(shape), layout_(layout_of(shape)), backend_(backend) {
  if (layout_.total > static_cast<size_t>(std::numeric_limits<int>::max())) {
    throw Error(ErrorCode::out_of_memory,
                "step inputs of {} sequences with {} blocks each are more than can be addressed",
                shape.limits.n_sequences, shape.blocks_per_sequence);
  }
  for (Tensor& slot : slots_) slot = backend.allocate(DType::i32, static_cast<int>(layout_.total), 1);
  for (Step& step : steps_) {
    step.assignments.reserve(static_cast<size_t>(shape.limits.n_sequences));
    step.output_rows.reserve(static_cast<size_t>(shape.limits.n_sequences));
  }
}

Step& StepRing::fill(std::span<const Assignment> assignments) {
  const size_t index = next_;
  next_ = (next_ + 1) % slots_.size();
  Step& step = steps_[index];
  const std::span<std::byte> bytes = backend_.host_view(slots_[index]);
  const std::span host(reinterpret_cast<int32_t*>(bytes.data()), bytes.size() / sizeof(int32_t));
  CHECK(host.size() == layout_.total);
  CHECK(assignments.size() <= static_cast<size_t>(shape_.limits.n_sequences));
  step.assignments.assign(assignments.begin(), assignments.end());
  fill_sequences(step, host);
  fill_blocks(step, host);
  fill_output_rows(step, host);
  set_views(step, slots_[index]);
  return step;
}

void StepRing::fill_sequences(Step& step, std::span<int32_t> host) const {
  int row = 0;
  for (size_t i = 0; i < step.assignments.size(); ++i) {
    const Assignment& a = step.assignments[i];
    const Sequence& s = *a.sequence;
    CHECK(row + a.n_tokens <= shape_.limits.n_tokens);
    host[layout_.sequence_starts + i] = row;
    host[layout_.lengths + i] = a.first + a.n_tokens;
    host[layout_.rope_variants + i] = s.rope_variant;
    for (int position = a.first; position < a.first + a.n_tokens; ++position, ++row) {
      const auto p = static_cast<size_t>(position);
      host[layout_.tokens + static_cast<size_t>(row)] = p < s.tokens.size() ? s.tokens[p] : ~s.sample_row;
      host[layout_.positions + static_cast<size_t>(row)] = position;
    }
  }
  host[layout_.sequence_starts + step.assignments.size()] = row;
  step.inputs.n_tokens = row;
  step.inputs.n_sequences = static_cast<int>(step.assignments.size());
}

void StepRing::fill_blocks(const Step& step, std::span<int32_t> host) const {
  for (size_t g = 0; g < static_cast<size_t>(shape_.n_groups); ++g) {
    size_t at = layout_.slots[g];
    for (size_t i = 0; i < step.assignments.size(); ++i) {
      const Assignment& a = step.assignments[i];
      const std::span<const int32_t> blocks = a.sequence->blocks[g];
      CHECK(blocks.size() <= static_cast<size_t>(shape_.blocks_per_sequence));
      const size_t table = layout_.block_tables[g] + i * static_cast<size_t>(shape_.blocks_per_sequence);
      std::copy(blocks.begin(), blocks.end(), host.begin() + static_cast<ptrdiff_t>(table));
      for (int p = a.first; p < a.first + a.n_tokens; ++p) {
        const int32_t block = blocks[static_cast<size_t>(p / shape_.block_size)];
        host[at++] = block * shape_.block_size + p % shape_.block_size;
      }
    }
  }
}

void StepRing::fill_output_rows(Step& step, std::span<int32_t> host) const {
  step.output_rows.assign(step.assignments.size(), 0);
  int n_rows = 0;
  const auto add_rows = [&](Output output) {
    for (size_t i = 0; i < step.assignments.size(); ++i) {
      const Assignment& a = step.assignments[i];
      if (a.sequence->output != output || a.n_outputs == 0) continue;
      CHECK(n_rows + a.n_outputs <= shape_.limits.n_hidden);
      step.output_rows[i] = n_rows;
      if (output == Output::device_sample) a.sequence->sample_row = n_rows;
      const int end = host[layout_.sequence_starts + i + 1];
      for (int row = end - a.n_outputs; row < end; ++row) {
        host[layout_.output_rows + static_cast<size_t>(n_rows++)] = row;
      }
    }
  };
  add_rows(Output::device_sample);
  step.n_device_samples = n_rows;
  add_rows(Output::host_sample);
  add_rows(Output::all_logits);
  CHECK(n_rows <= shape_.limits.n_logits);
  step.inputs.n_logits = n_rows;
  add_rows(Output::hidden);
  step.inputs.n_hidden = n_rows;
}

void StepRing::set_views(Step& step, Tensor slot) const {
  const auto view = [slot](size_t first, int rows, int cols = 1) {
    Tensor t = with_shape(slot, rows, cols);
    t.offset += first * sizeof(int32_t);
    return t;
  };
  StepInputs& in = step.inputs;
  in.tokens = view(layout_.tokens, in.n_tokens);
  in.positions = view(layout_.positions, in.n_tokens);
  in.sequence_starts = view(layout_.sequence_starts, in.n_sequences + 1);
  in.lengths = view(layout_.lengths, in.n_sequences);
  in.rope_variants = view(layout_.rope_variants, in.n_sequences);
  in.output_rows = view(layout_.output_rows, in.n_hidden);
  for (size_t g = 0; g < static_cast<size_t>(shape_.n_groups); ++g) {
    in.kv[g].slots = view(layout_.slots[g], in.n_tokens);
    in.kv[g].block_tables = view(layout_.block_tables[g], in.n_sequences, shape_.blocks_per_sequence);
  }
  step.sample_ids = view(layout_.sample_ids, step.n_device_samples);
  step.sample_parameters = view(layout_.sample_parameters, step.n_device_samples, kSampleColumns);
}

}  // namespace quandex
