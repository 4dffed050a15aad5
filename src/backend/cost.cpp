#include "backend/cost.h"

#include <algorithm>

namespace quandex {
namespace {

double count(Tensor t) { return static_cast<double>(t.rows) * t.cols; }
double bytes(Tensor t) { return static_cast<double>(t.rows) * static_cast<double>(row_bytes(t.type, t.cols)); }

}  // namespace

Tensor CostModel::allocate(DType type, int rows, int cols) { return {type, rows, cols, buffer_.get(), 0}; }

Tensor CostModel::upload(std::string_view, DType type, std::span<const RowSegment> rows) {
  int64_t n_rows = 0;
  for (const RowSegment& segment : rows) n_rows += segment.n_rows;
  return allocate(type, static_cast<int>(n_rows), static_cast<int>(rows.front().source->cols()));
}

void CostModel::touch(Tensor t) { totals_.activation_bytes += bytes(t); }

void CostModel::embed(Tensor out, Tensor table, Tensor, float) {
  totals_.weight_bytes += static_cast<double>(out.rows) * static_cast<double>(row_bytes(table.type, table.cols));
  touch(out);
}

void CostModel::rms_norm(Tensor out, Tensor x, Tensor weight, float, Into) {
  totals_.weight_bytes += bytes(weight);
  totals_.flops += 4 * count(x);
  touch(x);
  touch(out);
}

void CostModel::linear(Tensor out, Tensor x, const Linear& w, Into) {
  for (int p = 0; p < w.n_parts; ++p) totals_.weight_bytes += bytes(w.parts[static_cast<size_t>(p)]);
  if (w.bias) totals_.weight_bytes += bytes(w.bias);
  totals_.flops += 2 * static_cast<double>(x.rows) * w.rows() * w.cols();
  touch(x);
  touch(out);
}

void CostModel::qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor, Tensor, const RopeConfig&, HeadShape,
                                   float, int, const StepInputs& in) {
  totals_.kv_bytes += 2.0 * in.n_tokens * static_cast<double>(row_bytes(kv.keys.type, kv.keys.cols));
  totals_.flops += 6 * count(q);
  touch(qkv);
  touch(q);
}

void CostModel::attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int, const StepInputs& in) {
  const double seen = config.window > 0 ? std::min(config.window, length_) : length_;
  totals_.kv_bytes += 2.0 * in.n_sequences * seen * static_cast<double>(row_bytes(kv.keys.type, kv.keys.cols));
  // The tokens of a sequence end at `length_`: on average each sees half of the step's own tokens less.
  const double per_sequence = static_cast<double>(in.n_tokens) / std::max(1, in.n_sequences);
  totals_.flops += 4.0 * in.n_tokens * std::max(1.0, seen - (per_sequence - 1) / 2) * config.heads.q_cols();
  touch(q);
  touch(out);
}

void CostModel::glu(Tensor out, Tensor gate_up, Activation) {
  totals_.flops += 5 * count(out);
  touch(gate_up);
  touch(out);
}

void CostModel::route(Tensor weights, Tensor, Tensor logits, const RouteConfig&) {
  totals_.flops += 3 * count(logits);
  touch(logits);
  touch(weights);
}

void CostModel::expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor) {
  // At most one expert's matrices per output row, and never more than all of them.
  const double share = std::min(1.0, static_cast<double>(out.rows) / w.n_experts);
  for (int p = 0; p < w.n_parts; ++p) totals_.weight_bytes += share * bytes(w.parts[static_cast<size_t>(p)]);
  totals_.flops += 2 * static_cast<double>(out.rows) * w.rows() * w.cols();
  touch(x);
  touch(out);
}

void CostModel::expert_sum(Tensor out, Tensor branches, Tensor, Into) {
  totals_.flops += 2 * count(branches);
  touch(branches);
  touch(out);
}

void CostModel::gather_rows(Tensor out, Tensor, Tensor) { touch(out); }

void CostModel::softcap(Tensor x, float) {
  totals_.flops += 3 * count(x);
  touch(x);
}

void CostModel::sample(Tensor, Tensor logits, Tensor) { touch(logits); }

}  // namespace quandex
