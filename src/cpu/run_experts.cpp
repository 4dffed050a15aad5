// Products by the experts that each row has chosen.
#include <algorithm>
#include <cstring>

#include "cpu/cpu_buffer.h"
#include "cpu/operations.h"

namespace quandex::cpu {
namespace {

// Rows of an expert and of its inputs that are multiplied at once: their products wait in a worker's own memory to be
// written to the rows that they belong to.
constexpr int kRowsAtOnce = 4 * kRowGroup, kTokensAtOnce = 128;

// The (row, choice) pairs of a step sorted by expert, so that an expert's weights are read once for all its rows.
// Places are indices of the sorted order; results of a place do not depend on the others.
struct ExpertScratch {
  int32_t* starts;       // [n_experts + 1]: first place of each expert
  int32_t* order;        // [n_places]: pair at each place
  size_t* quantized_at;  // [n_experts + 1]: bytes into `quantized`
  float* gathered;       // [n_places, in]; null where every part is packed
  std::byte* quantized;  // null where no part is packed
  size_t quantized_capacity;
  size_t used;
};

int count_packed(const ExpertLinear& w) {
  return static_cast<int>(
      std::count_if(w.parts.begin(), w.parts.begin() + w.n_parts, [](const Tensor& t) { return buffer_of(t).packed; }));
}

ExpertScratch lay_out(const ExpertLinearOp& op, const LinearKernels& kernels, std::byte* memory) {
  const auto n_places = static_cast<size_t>(op.out.rows);
  const auto n_experts = static_cast<size_t>(op.weights.n_experts);
  const int n_packed = count_packed(op.weights);
  Arena arena(memory);
  ExpertScratch s{};
  s.starts = arena.take<int32_t>(n_experts + 1);
  s.order = arena.take<int32_t>(n_places);
  s.quantized_at = arena.take<size_t>(n_experts + 1);
  if (n_packed < op.weights.n_parts) s.gathered = arena.take<float>(n_places * static_cast<size_t>(op.x.cols));
  if (n_packed > 0) {
    // Each expert's rows are quantized apart; one row alone takes at least as much as its share of a tile.
    s.quantized_capacity = n_places * aligned(quantized_bytes(kernels, 1, op.x.cols));
    s.quantized = arena.take<std::byte>(s.quantized_capacity);
  }
  s.used = arena.used();
  return s;
}

void sort_by_expert(const ExpertLinearOp& op, const LinearKernels& kernels, const ExpertScratch& s) {
  const int32_t* experts = read_integers(op.experts);
  const int n_experts = op.weights.n_experts, n_places = op.out.rows;
  std::fill_n(s.starts, n_experts + 1, 0);
  for (int i = 0; i < n_places; ++i) {
    CHECK(experts[i] >= 0 && experts[i] < n_experts);
    ++s.starts[experts[i] + 1];
  }
  for (int e = 0; e < n_experts; ++e) s.starts[e + 1] += s.starts[e];
  for (int i = 0; i < n_places; ++i) s.order[s.starts[experts[i]]++] = i;
  for (int e = n_experts; e > 0; --e) s.starts[e] = s.starts[e - 1];
  s.starts[0] = 0;
  if (s.quantized == nullptr) return;
  s.quantized_at[0] = 0;
  for (int e = 0; e < n_experts; ++e) {
    const int n = s.starts[e + 1] - s.starts[e];
    s.quantized_at[e + 1] = s.quantized_at[e] + (n == 0 ? 0 : aligned(quantized_bytes(kernels, n, op.x.cols)));
  }
  CHECK(s.quantized_at[n_experts] <= s.quantized_capacity);
}

Activations expert_activations(const ExpertLinearOp& op, const ExpertScratch& s, int expert) {
  Activations x{s.starts[expert + 1] - s.starts[expert], op.x.cols, nullptr, op.x.cols, nullptr};
  if (s.gathered != nullptr) x.values = s.gathered + ptrdiff_t{s.starts[expert]} * op.x.cols;
  if (s.quantized != nullptr) x.quantized = s.quantized + s.quantized_at[expert];
  return x;
}

void gather_places(const ExpertLinearOp& op, const Worker& worker, const ExpertScratch& s) {
  const Share share = share_of(worker, op.out.rows);
  const int choices = op.x.rows == op.out.rows ? 1 : op.experts.cols;
  int expert = 0;
  for (auto place = static_cast<int>(share.begin); place < share.end; ++place) {
    while (s.starts[expert + 1] <= place) ++expert;
    const float* const row = read_row(op.x, s.order[place] / choices);
    if (s.gathered != nullptr)
      std::memcpy(s.gathered + ptrdiff_t{place} * op.x.cols, row, static_cast<size_t>(op.x.cols) * sizeof(float));
    if (s.quantized == nullptr) continue;
    const int units = n_quantize_units(1, op.x.cols), token = place - s.starts[expert];
    Activations x = expert_activations(op, s, expert);
    x.values = row;
    x.stride = 0;  // this row for whichever token is asked
    quantize_activations(worker.linear, x, token * units, (token + 1) * units, s.quantized + s.quantized_at[expert]);
  }
}

// A range of rows of one expert's matrix in part `part`, and the first column of `out` that they give.
struct ExpertRows {
  WeightMatrix matrix;
  int begin, end, column;
};

void multiply_rows(const ExpertLinearOp& op, const Worker& worker, const ExpertScratch& s, int expert,
                   const ExpertRows& rows) {
  const Activations x = expert_activations(op, s, expert);
  const int32_t* pairs = s.order + s.starts[expert];
  if (x.n_tokens == 1)
    return linear_rows(worker.linear, rows.matrix, rows.begin, rows.end, x,
                       {write_row(op.out, pairs[0]) + rows.column, op.out.cols, nullptr, false});
  auto* products = reinterpret_cast<float*>(worker.local);
  for (int begin = rows.begin; begin < rows.end; begin += kRowsAtOnce) {
    const int n_rows = std::min(kRowsAtOnce, rows.end - begin), column = rows.column + begin - rows.begin;
    for (int token = 0; token < x.n_tokens; token += kTokensAtOnce) {
      const int n_tokens = std::min(kTokensAtOnce, x.n_tokens - token);
      linear_rows(worker.linear, rows.matrix, begin, begin + n_rows, tokens_of(worker.linear, x, token, n_tokens),
                  {products, kRowsAtOnce, nullptr, false});
      for (int t = 0; t < n_tokens; ++t)
        std::memcpy(write_row(op.out, pairs[token + t]) + column, products + ptrdiff_t{t} * kRowsAtOnce,
                    static_cast<size_t>(n_rows) * sizeof(float));
    }
  }
}

// Row groups [begin, end) of one expert's parts, counted through; a group never crosses a part.
void multiply_expert(const ExpertLinearOp& op, const Worker& worker, const ExpertScratch& s, int expert, int begin,
                     int end) {
  int part_group = 0, column = 0;
  for (int p = 0; p < op.weights.n_parts; ++p) {
    const WeightMatrix w = matrix_of(op.weights.parts[static_cast<size_t>(p)]);
    const int rows = w.rows / op.weights.n_experts, n_groups = n_row_groups(rows);
    const int first = std::clamp(begin - part_group, 0, n_groups) * kRowGroup;
    const int last = std::min(std::clamp(end - part_group, 0, n_groups) * kRowGroup, rows);
    if (first < last)
      multiply_rows(op, worker, s, expert, {w, expert * rows + first, expert * rows + last, column + first});
    part_group += n_groups;
    column += rows;
  }
}

void multiply_experts(const ExpertLinearOp& op, const Worker& worker, const ExpertScratch& s) {
  int n_groups = 0, n_used = 0;
  for (int p = 0; p < op.weights.n_parts; ++p)
    n_groups += n_row_groups(op.weights.parts[static_cast<size_t>(p)].rows / op.weights.n_experts);
  for (int e = 0; e < op.weights.n_experts; ++e) n_used += s.starts[e + 1] > s.starts[e];
  const Share share = share_of(worker, int64_t{n_used} * n_groups);
  int64_t first_group = 0;  // of this expert, among those of all that are used
  for (int e = 0; e < op.weights.n_experts; ++e) {
    if (s.starts[e + 1] == s.starts[e]) continue;
    const int64_t begin = std::max(share.begin - first_group, int64_t{0});
    const int64_t end = std::min(share.end - first_group, int64_t{n_groups});
    if (begin < end) multiply_expert(op, worker, s, e, static_cast<int>(begin), static_cast<int>(end));
    first_group += n_groups;
  }
}

}  // namespace

void run(const ExpertLinearOp& op, const Worker& worker) {
  const ExpertScratch s = lay_out(op, worker.linear, worker.shared);
  if (worker.index == 0) sort_by_expert(op, worker.linear, s);
  worker.pool.barrier();
  gather_places(op, worker, s);
  worker.pool.barrier();
  multiply_experts(op, worker, s);
}

ScratchSize scratch_size(const ExpertLinearOp& op, const LinearKernels& kernels) {
  Arena local(nullptr);
  if (op.out.rows > 1) local.take<float>(size_t{kRowsAtOnce} * kTokensAtOnce);
  return {lay_out(op, kernels, nullptr).used, local.used()};
}

}  // namespace quandex::cpu
