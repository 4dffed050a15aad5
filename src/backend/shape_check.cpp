#include "backend/shape_check.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace quandex {

Tensor ShapeCheck::scratch(std::string_view name, DType type, int rows) {
  buffers_.push_back(std::make_unique<Buffer>());
  entries_[buffers_.back().get()] = {std::string(name), true, 0, 0};
  return {type, rows, 0, buffers_.back().get(), 0};
}

int64_t ShapeCheck::most_values(Tensor scratch) const {
  const Entry* entry = find(scratch);
  CHECK(entry && entry->is_scratch);
  return entry->most_values;
}

Tensor ShapeCheck::allocate(DType type, int rows, int cols) {
  buffers_.push_back(std::make_unique<Buffer>());
  entries_[buffers_.back().get()] = {"memory", false, cols, 0};
  return {type, rows, cols, buffers_.back().get(), 0};
}

Tensor ShapeCheck::upload(std::string_view name, DType type, std::span<const RowSegment> rows) {
  CHECK(!rows.empty());
  int64_t n_rows = 0;
  const int64_t cols = rows.front().source->cols();
  for (const RowSegment& segment : rows) {
    if (segment.source->cols() != cols)
      throw Error(ErrorCode::invalid_file, "{}: has {} columns, expected {} as in the matrix it is stacked with", name,
                  segment.source->cols(), cols);
    CHECK(segment.first_row >= 0 && segment.first_row + segment.n_rows <= segment.source->rows());
    n_rows += segment.n_rows;
  }
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  if (n_rows > kMost || cols > kMost)
    throw Error(ErrorCode::unsupported, "{}: {} x {} is larger than a matrix can be", name, n_rows, cols);
  const Tensor out = allocate(type, static_cast<int>(n_rows), static_cast<int>(cols));
  entries_[out.buffer].name = std::string(name);
  return out;
}

ShapeCheck::Entry* ShapeCheck::find(Tensor t) {
  const auto found = entries_.find(t.buffer);
  return found == entries_.end() ? nullptr : &found->second;
}

const ShapeCheck::Entry* ShapeCheck::find(Tensor t) const {
  const auto found = entries_.find(t.buffer);
  return found == entries_.end() ? nullptr : &found->second;
}

std::string ShapeCheck::name_of(Tensor t) const {
  const Entry* entry = find(t);
  return entry ? entry->name : "weights";
}

int ShapeCheck::read(std::string_view op, Tensor t) {
  CHECK(t);
  if (t.cols != 0) return t.cols;
  const Entry* entry = find(t);
  CHECK(entry && entry->is_scratch);
  if (entry->cols == 0)
    throw Error(ErrorCode::invalid_argument, "shape check: {} reads {} before it is written", op, entry->name);
  return entry->cols;
}

void ShapeCheck::write(std::string_view op, Tensor out, int rows, int cols, Into into) {
  CHECK(out);
  expect(op, "rows", out, out.rows, rows);
  if (out.cols != 0) expect(op, "columns", out, out.cols, cols);
  Entry* entry = find(out);
  if (!entry || !entry->is_scratch) return;
  if (into == Into::add) expect(op, "columns", out, entry->cols, cols);
  entry->cols = cols;
  entry->most_values = std::max(entry->most_values, static_cast<int64_t>(rows) * cols);
}

void ShapeCheck::expect(std::string_view op, std::string_view what, Tensor t, int64_t found, int64_t expected) const {
  if (found != expected)
    throw Error(ErrorCode::invalid_file, "shape check: {} of {}: found {} {}, expected {}", op, name_of(t), found, what,
                expected);
}

void ShapeCheck::check_kv(std::string_view op, KvLayer kv, HeadShape heads) const {
  if (heads.n_kv_heads <= 0 || heads.n_heads % heads.n_kv_heads != 0)
    throw Error(ErrorCode::invalid_file, "shape check: {}: {} heads cannot share {} key/value heads", op, heads.n_heads,
                heads.n_kv_heads);
  expect(op, "columns", kv.keys, kv.keys.cols, heads.kv_cols());
  expect(op, "columns", kv.values, kv.values.cols, heads.kv_cols());
}

void ShapeCheck::embed(Tensor out, Tensor table, Tensor tokens, float) { write("embed", out, tokens.rows, table.cols); }

void ShapeCheck::rms_norm(Tensor out, Tensor x, Tensor weight, float, Into into) {
  const int cols = read("rms_norm", x);
  expect("rms_norm", "columns", weight, weight.cols, cols);
  expect("rms_norm", "rows", weight, weight.rows, 1);
  write("rms_norm", out, x.rows, cols, into);
}

void ShapeCheck::linear(Tensor out, Tensor x, const Linear& w, Into into) {
  CHECK(w.n_parts > 0);
  const int cols = read("linear", x);
  for (int p = 0; p < w.n_parts; ++p)
    expect("linear", "columns", w.parts[static_cast<size_t>(p)], w.parts[static_cast<size_t>(p)].cols, cols);
  if (w.bias) expect("linear", "columns", w.bias, w.bias.cols, w.rows());
  write("linear", out, x.rows, w.rows(), into);
}

void ShapeCheck::qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm,
                                    const RopeConfig& rope, HeadShape heads, float, int kv_group,
                                    const StepInputs& in) {
  constexpr std::string_view kOp = "qk_norm_rope_store";
  check_kv(kOp, kv, heads);
  expect(kOp, "columns", qkv, read(kOp, qkv), heads.qkv_cols());
  if (q_norm) expect(kOp, "columns", q_norm, q_norm.cols, heads.head_dim);
  if (k_norm) expect(kOp, "columns", k_norm, k_norm.cols, heads.head_dim);
  if (rope.dims > 0) {
    if (rope.dims > heads.head_dim || rope.dims % 2 != 0)
      throw Error(ErrorCode::invalid_file, "shape check: {}: cannot rotate {} of {} values of a head", kOp, rope.dims,
                  heads.head_dim);
    expect(kOp, "columns", rope.inverse_freq, rope.inverse_freq.cols, rope.dims / 2);
    expect(kOp, "columns", rope.scale, rope.scale.cols, 1);
    expect(kOp, "rows", rope.scale, rope.scale.rows, rope.inverse_freq.rows);
  }
  CHECK(kv_group >= 0 && kv_group < kMaxKvGroups);
  expect(kOp, "rows", qkv, qkv.rows, in.n_tokens);
  write(kOp, q, in.n_tokens, heads.q_cols());
}

void ShapeCheck::attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                           const StepInputs& in) {
  check_kv("attention", kv, config.heads);
  CHECK(kv_group >= 0 && kv_group < kMaxKvGroups);
  expect("attention", "columns", q, read("attention", q), config.heads.q_cols());
  write("attention", out, in.n_tokens, config.heads.q_cols());
}

void ShapeCheck::glu(Tensor out, Tensor gate_up, Activation) {
  const int cols = read("glu", gate_up);
  if (cols % 2 != 0)
    throw Error(ErrorCode::invalid_file, "shape check: glu of {}: {} columns cannot be halved", name_of(gate_up), cols);
  write("glu", out, gate_up.rows, cols / 2);
}

void ShapeCheck::route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) {
  expect("route", "columns", logits, read("route", logits), config.n_experts);
  if (config.n_active < 1 || config.n_active > config.n_experts)
    throw Error(ErrorCode::invalid_file, "shape check: route: cannot choose {} of {} experts", config.n_active,
                config.n_experts);
  write("route", weights, logits.rows, config.n_active);
  write("route", experts, logits.rows, config.n_active);
}

void ShapeCheck::expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) {
  CHECK(w.n_parts > 0 && w.n_experts > 0);
  const int cols = read("expert_linear", x);
  const int n_active = read("expert_linear", experts);
  for (int p = 0; p < w.n_parts; ++p) {
    const Tensor part = w.parts[static_cast<size_t>(p)];
    expect("expert_linear", "columns", part, part.cols, cols);
    expect("expert_linear", "rows left over by the experts", part, part.rows % w.n_experts, 0);
  }
  if (x.rows != experts.rows) expect("expert_linear", "rows", x, x.rows, static_cast<int64_t>(experts.rows) * n_active);
  write("expert_linear", out, experts.rows * n_active, w.rows());
}

void ShapeCheck::expert_sum(Tensor out, Tensor branches, Tensor weights, Into into) {
  expect("expert_sum", "rows", branches, branches.rows,
         static_cast<int64_t>(weights.rows) * read("expert_sum", weights));
  write("expert_sum", out, weights.rows, read("expert_sum", branches), into);
}

void ShapeCheck::gather_rows(Tensor out, Tensor x, Tensor rows) {
  write("gather_rows", out, rows.rows, read("gather_rows", x));
}

void ShapeCheck::softcap(Tensor x, float) { read("softcap", x); }

void ShapeCheck::sample(Tensor ids, Tensor logits, Tensor parameters) {
  read("sample", logits);
  expect("sample", "columns", parameters, parameters.cols, kSampleColumns);
  expect("sample", "rows", ids, ids.rows, logits.rows);
}

}  // namespace quandex
