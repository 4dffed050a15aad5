// Products with dense weight matrices.
#include <algorithm>

#include "cpu/cpu_buffer.h"
#include "cpu/operations.h"

namespace quandex::cpu {
namespace {

// Up to this many activations every worker quantizes all of them for itself: cheaper than meeting at a barrier.
constexpr int64_t kQuantizeAlone = 8192;
// From this many tokens on a product takes so long that handing out pieces as workers come beats equal shares.
constexpr int kDynamicTokens = 8;
constexpr int kPiecesPerWorker = 8;

bool any_packed(const Linear& w) {
  return std::any_of(w.parts.begin(), w.parts.begin() + w.n_parts, [](const Tensor& t) { return buffer_of(t).packed; });
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
  if (any_packed(op.weights)) {
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
  if (!any_packed(op.weights)) return {};
  const size_t bytes = quantized_bytes(kernels, op.x.rows, op.x.cols);
  return quantizes_alone(op) ? ScratchSize{0, bytes} : ScratchSize{bytes, 0};
}

}  // namespace quandex::cpu
