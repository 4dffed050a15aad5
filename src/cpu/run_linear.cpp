// Products with weight matrices: dense, and by the experts that each row has chosen.
#include <algorithm>
#include <cstring>

#include "cpu/cpu_buffer.h"
#include "cpu/operations.h"

namespace quandex::cpu {
namespace {

// Up to this many activations every worker quantizes all of them for itself: cheaper than meeting at a barrier.
constexpr int64_t kQuantizeAlone = 8192;
// From this many tokens on a product takes so long that handing out pieces as workers come beats equal shares.
constexpr int kDynamicTokens = 8;
constexpr int kPiecesPerWorker = 8;

template <typename Parts>
bool any_packed(const Parts& parts, int n_parts) {
  return std::any_of(parts.begin(), parts.begin() + n_parts, [](const Tensor& t) { return buffer_of(t).packed; });
}

bool quantizes_alone(const LinearOp& op) { return int64_t{op.x.rows} * op.x.cols <= kQuantizeAlone; }

Activations activations_of(Tensor x) { return {x.rows, x.cols, read_floats(x), x.cols, nullptr}; }

// The row groups [begin, end) of all parts, counted through.
void multiply_groups(const LinearOp& op, const Worker& worker, const Activations& x, int64_t begin, int64_t end) {
  const float* bias = op.weights.bias ? read_floats(op.weights.bias) : nullptr;
  int64_t part_group = 0;
  int part_column = 0;
  for (int p = 0; p < op.weights.n_parts; ++p) {
    const WeightMatrix w = matrix_of(op.weights.parts[static_cast<size_t>(p)]);
    const int64_t n_groups = n_row_groups(w.rows);
    const auto first = static_cast<int>(std::clamp<int64_t>(begin - part_group, 0, n_groups)) * kRowGroup;
    const int last = std::min(static_cast<int>(std::clamp<int64_t>(end - part_group, 0, n_groups)) * kRowGroup, w.rows);
    if (first < last) {
      const int column = part_column + first;
      linear_rows(worker.linear, w, first, last, x,
                  {write_floats(op.out) + column, op.out.cols, bias == nullptr ? nullptr : bias + column,
                   op.into == Into::add});
    }
    part_group += n_groups;
    part_column += w.rows;
  }
}

}  // namespace

void run(const LinearOp& op, const Worker& worker) {
  Activations x = activations_of(op.x);
  if (any_packed(op.weights.parts, op.weights.n_parts)) {
    const int n_units = n_quantize_units(x.n_tokens, x.cols);
    if (quantizes_alone(op)) {
      quantize_activations(worker.linear, x, 0, n_units, worker.local);
      x.quantized = worker.local;
    } else {
      const Share share = share_of(worker, n_units);
      quantize_activations(worker.linear, x, static_cast<int>(share.begin), static_cast<int>(share.end), worker.shared);
      worker.pool.barrier();
      x.quantized = worker.shared;
    }
  }
  int64_t n_groups = 0;
  for (int p = 0; p < op.weights.n_parts; ++p) n_groups += n_row_groups(op.weights.parts[static_cast<size_t>(p)].rows);
  if (x.n_tokens < kDynamicTokens || worker.count == 1) {
    const Share share = share_of(worker, n_groups);
    return multiply_groups(op, worker, x, share.begin, share.end);
  }
  const int64_t piece = std::max<int64_t>(1, n_groups / (int64_t{worker.count} * kPiecesPerWorker));
  while (true) {
    const int64_t begin = worker.counters[0].fetch_add(1, std::memory_order_relaxed) * piece;
    if (begin >= n_groups) return;
    multiply_groups(op, worker, x, begin, std::min(begin + piece, n_groups));
  }
}

ScratchSize scratch_size(const LinearOp& op, const LinearKernels& kernels) {
  if (!any_packed(op.weights.parts, op.weights.n_parts)) return {};
  const size_t bytes = quantized_bytes(kernels, op.x.rows, op.x.cols);
  return quantizes_alone(op) ? ScratchSize{0, bytes} : ScratchSize{bytes, 0};
}

namespace {

// The (row, choice) pairs of a step sorted by expert, so that an expert's weights are read once for all its rows.
// Places are indices of the sorted order; results of a place do not depend on the others.
struct ExpertScratch {
  int32_t* starts;       // [n_experts + 1]: first place of each expert
  int32_t* order;        // [n_places]: pair at each place
  size_t* quantized_at;  // [n_experts + 1]: bytes into `quantized`
  float* gathered;       // [n_places, in]
  float* products;       // [n_places, out]
  std::byte* quantized;  // null where no part is packed
  size_t quantized_capacity;
  size_t used;
};

ExpertScratch lay_out(const ExpertLinearOp& op, const LinearKernels& kernels, std::byte* memory) {
  const auto n_places = static_cast<size_t>(op.out.rows);
  const auto n_experts = static_cast<size_t>(op.weights.n_experts);
  Arena arena(memory);
  ExpertScratch s{};
  s.starts = arena.take<int32_t>(n_experts + 1);
  s.order = arena.take<int32_t>(n_places);
  s.quantized_at = arena.take<size_t>(n_experts + 1);
  s.gathered = arena.take<float>(n_places * static_cast<size_t>(op.x.cols));
  s.products = arena.take<float>(n_places * static_cast<size_t>(op.out.cols));
  if (any_packed(op.weights.parts, op.weights.n_parts)) {
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
  Activations x{s.starts[expert + 1] - s.starts[expert], op.x.cols,
                s.gathered + ptrdiff_t{s.starts[expert]} * op.x.cols, op.x.cols, nullptr};
  if (s.quantized != nullptr) x.quantized = s.quantized + s.quantized_at[expert];
  return x;
}

void gather_places(const ExpertLinearOp& op, const Worker& worker, const ExpertScratch& s) {
  const Share share = share_of(worker, op.out.rows);
  const int choices = op.x.rows == op.out.rows ? 1 : op.experts.cols;
  int expert = 0;
  for (auto place = static_cast<int>(share.begin); place < share.end; ++place) {
    while (s.starts[expert + 1] <= place) ++expert;
    std::memcpy(s.gathered + ptrdiff_t{place} * op.x.cols, read_row(op.x, s.order[place] / choices),
                static_cast<size_t>(op.x.cols) * sizeof(float));
    if (s.quantized == nullptr) continue;
    const int units = n_quantize_units(1, op.x.cols), token = place - s.starts[expert];
    quantize_activations(worker.linear, expert_activations(op, s, expert), token * units, (token + 1) * units,
                         s.quantized + s.quantized_at[expert]);
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
      linear_rows(
          worker.linear, w, expert * rows + first, expert * rows + last, expert_activations(op, s, expert),
          {s.products + ptrdiff_t{s.starts[expert]} * op.out.cols + column + first, op.out.cols, nullptr, false});
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
  worker.pool.barrier();
  const Share share = share_of(worker, op.out.rows);
  for (auto place = static_cast<int>(share.begin); place < share.end; ++place)
    std::memcpy(write_row(op.out, s.order[place]), s.products + ptrdiff_t{place} * op.out.cols,
                static_cast<size_t>(op.out.cols) * sizeof(float));
}

ScratchSize scratch_size(const ExpertLinearOp& op, const LinearKernels& kernels) {
  return {lay_out(op, kernels, nullptr).used, 0};
}

}  // namespace quandex::cpu
