#include "model/scratch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "model/forward.h"
#include "model/load.h"

namespace quandex {
namespace {

// Every scratch tensor with its name, type and number of rows for the largest step.
struct ScratchRow {
  Tensor Scratch::* member;
  std::string_view name;
  DType type;
  int rows;
};

std::array<ScratchRow, 14> scratch_rows(const ModelConfig& config, const StepLimits& limits) {
  const int n = limits.n_tokens;
  const int n_branches = n * std::max(1, config.n_active_experts());
  const DType f32 = DType::f32;
  return {{{&Scratch::x, "the residual stream", f32, n},
           {&Scratch::h, "normalized input", f32, n},
           {&Scratch::qkv, "q, k and v", f32, n},
           {&Scratch::q, "q", f32, n},
           {&Scratch::attn, "attention output", f32, n},
           {&Scratch::gate_up, "gate and up", f32, n_branches},
           {&Scratch::ffn, "feed-forward input", f32, n_branches},
           {&Scratch::tmp, "branch output", f32, n},
           {&Scratch::routing, "router logits", f32, n},
           {&Scratch::experts, "chosen experts", DType::i32, n},
           {&Scratch::expert_weights, "expert weights", f32, n},
           {&Scratch::expert_out, "expert output", f32, n_branches},
           {&Scratch::rows, "output rows", f32, limits.n_hidden},
           {&Scratch::logits, "logits", f32, limits.n_logits}}};
}

}  // namespace

StepInputs shape_inputs(const ModelConfig& config, const StepLimits& limits, Backend& backend) {
  StepInputs in;
  in.n_tokens = limits.n_tokens;
  in.n_sequences = limits.n_sequences;
  in.n_hidden = limits.n_hidden;
  in.n_logits = limits.n_logits;
  const auto column = [&](int rows) { return backend.allocate(DType::i32, rows, 1); };
  in.tokens = column(limits.n_tokens);
  in.positions = column(limits.n_tokens);
  in.sequence_starts = column(limits.n_sequences + 1);
  in.lengths = column(limits.n_sequences);
  in.rope_variants = column(limits.n_sequences);
  in.output_rows = column(limits.n_hidden);
  for (size_t g = 0; g < config.kv_group_windows.size(); ++g)
    in.kv[g] = {column(limits.n_tokens), column(limits.n_sequences)};
  return in;
}

Scratch check_shapes(const Model& model, const StepLimits& limits, ShapeCheck& shapes) {
  CHECK(limits.n_tokens >= 1 && limits.n_sequences >= 1 && limits.n_logits <= limits.n_hidden);
  Scratch scratch;
  for (const ScratchRow& row : scratch_rows(model.config, limits))
    scratch.*row.member = shapes.scratch(row.name, row.type, row.rows);
  std::vector<KvLayer> kv;
  for (const LayerConfig& layer : model.config.layers) {
    const int cols = layer.attention.heads.kv_cols();
    kv.push_back({shapes.allocate(DType::f16, 32, cols), shapes.allocate(DType::f16, 32, cols), 32});
  }
  forward(shapes.begin(), model, kv, shape_inputs(model.config, limits, shapes), scratch);
  return scratch;
}

Scratch allocate_scratch(const Model& model, const StepLimits& limits, Backend& backend) {
  ShapeCheck shapes;
  const Scratch checked = check_shapes(model, limits, shapes);
  Scratch scratch;
  for (const ScratchRow& row : scratch_rows(model.config, limits)) {
    const int64_t values = shapes.most_values(checked.*row.member);
    if (values == 0) continue;
    const int64_t cols = (values + row.rows - 1) / row.rows;
    scratch.*row.member = backend.allocate(row.type, row.rows, static_cast<int>(cols));
  }
  return scratch;
}

}  // namespace quandex
