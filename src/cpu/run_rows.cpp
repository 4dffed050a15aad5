// Operations on rows and elements, everything but products and attention.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/sample_row.h"
#include "cpu/cpu_buffer.h"
#include "cpu/operations.h"
#include "format/dtype.h"

namespace quandex::cpu {
namespace {

// Rows are cut at multiples of this, so that where the vectors of an element-wise loop start depends on nothing else.
constexpr int kColumnPiece = 1024;

// Calls body(row, first column, n columns) for this worker's part of a matrix.
template <typename Body>
void for_each_piece(const Worker& worker, int rows, int cols, Body body) {
  const int pieces = (cols + kColumnPiece - 1) / kColumnPiece;
  const Share share = share_of(worker, int64_t{rows} * pieces);
  for (int64_t i = share.begin; i < share.end; ++i) {
    const int row = static_cast<int>(i / pieces), column = static_cast<int>(i % pieces) * kColumnPiece;
    body(row, column, std::min(kColumnPiece, cols - column));
  }
}

// Scores of one row of router logits, in double.
void score_experts(const float* logits, const RouteConfig& config, double largest, double* scores) {
  double total = 0;
  for (int e = 0; e < config.n_experts; ++e) {
    const double logit = static_cast<double>(logits[e]);
    if (config.score == RouteScore::sigmoid) {
      scores[e] = 1 / (1 + std::exp(-logit));
    } else if (config.score == RouteScore::softmax_then_choose) {
      total += scores[e] = std::exp(logit - largest);
    } else {
      scores[e] = logit;
    }
  }
  if (config.score != RouteScore::softmax_then_choose) return;
  for (int e = 0; e < config.n_experts; ++e) scores[e] /= total;
}

void route_row(const float* logits, const RouteConfig& config, double* scores, float* weights, int32_t* experts) {
  const double largest = static_cast<double>(*std::max_element(logits, logits + config.n_experts));
  score_experts(logits, config, largest, scores);
  double chosen_total = 0;
  for (int c = 0; c < config.n_active; ++c) {
    double* const best = std::max_element(scores, scores + config.n_experts);  // the first of equals
    const double weight = config.score == RouteScore::choose_then_softmax ? std::exp(*best - largest) : *best;
    experts[c] = static_cast<int32_t>(best - scores);
    weights[c] = static_cast<float>(weight);
    chosen_total += weight;
    *best = -std::numeric_limits<double>::infinity();
  }
  const bool divide = config.normalize || config.score == RouteScore::choose_then_softmax;
  const double factor = static_cast<double>(config.scale) / (divide ? chosen_total : 1.0);
  for (int c = 0; c < config.n_active; ++c) weights[c] = static_cast<float>(static_cast<double>(weights[c]) * factor);
}

}  // namespace

void run(const EmbedOp& op, const Worker& worker) {
  const WeightMatrix table = matrix_of(op.table);
  const int32_t* tokens = read_integers(op.tokens);
  const Share share = share_of(worker, op.out.rows);
  for (auto row = static_cast<int>(share.begin); row < share.end; ++row) {
    int32_t id = tokens[row];
    if (id < 0) {
      CHECK(op.previous_ids && ~id < op.previous_ids.rows);
      id = read_integers(op.previous_ids)[~id];
    }
    float* out = write_row(op.out, row);
    // A row that could not be sampled has no successor; its request ends when the host reads the -1.
    if (id < 0) {
      std::fill_n(out, op.out.cols, 0.0f);
      continue;
    }
    CHECK(id < table.rows);
    unpack_row(table, id, out);
    if (op.scale != 1) worker.ops.scale(out, op.out.cols, op.scale);
  }
}

void run(const RmsNormOp& op, const Worker& worker) {
  const float* weight = read_floats(op.weight);
  const Share share = share_of(worker, op.x.rows);
  for (auto row = static_cast<int>(share.begin); row < share.end; ++row)
    worker.ops.rms_norm(write_row(op.out, row), read_row(op.x, row), weight, op.x.cols, op.eps, op.into == Into::add);
}

void run(const GluOp& op, const Worker& worker) {
  const auto activate = op.activation == Activation::silu ? worker.ops.silu_glu : worker.ops.gelu_tanh_glu;
  for_each_piece(worker, op.out.rows, op.out.cols, [&](int row, int column, int n) {
    const float* gate = read_row(op.gate_up, row) + column;
    activate(write_row(op.out, row) + column, gate, gate + op.out.cols, n);
  });
}

void run(const RouteOp& op, const Worker& worker) {
  const Share share = share_of(worker, op.logits.rows);
  Arena arena(worker.local);
  auto* scores = arena.take<double>(static_cast<size_t>(op.config.n_experts));
  for (auto row = static_cast<int>(share.begin); row < share.end; ++row)
    route_row(read_row(op.logits, row), op.config, scores, write_row(op.weights, row),
              write_integers(op.experts) + ptrdiff_t{row} * op.config.n_active);
}

ScratchSize scratch_size(const RouteOp& op) {
  Arena arena(nullptr);
  arena.take<double>(static_cast<size_t>(op.config.n_experts));
  return {0, arena.used()};
}

void run(const ExpertSumOp& op, const Worker& worker) {
  const int n_active = op.weights.cols;
  for_each_piece(worker, op.out.rows, op.out.cols, [&](int row, int column, int n) {
    float* const out = write_row(op.out, row) + column;
    if (op.into == Into::set) std::fill_n(out, n, 0.0f);
    for (int c = 0; c < n_active; ++c)
      worker.ops.add_scaled(out, read_row(op.branches, row * n_active + c) + column, n, read_row(op.weights, row)[c]);
  });
}

void run(const GatherRowsOp& op, const Worker& worker) {
  const int32_t* rows = read_integers(op.rows);
  const Share share = share_of(worker, op.out.rows);
  for (auto row = static_cast<int>(share.begin); row < share.end; ++row) {
    CHECK(rows[row] >= 0 && rows[row] < op.x.rows);
    std::memcpy(write_row(op.out, row), read_row(op.x, rows[row]), static_cast<size_t>(op.x.cols) * sizeof(float));
  }
}

void run(const SoftcapOp& op, const Worker& worker) {
  for_each_piece(worker, op.x.rows, op.x.cols,
                 [&](int row, int column, int n) { worker.ops.softcap(write_row(op.x, row) + column, n, op.cap); });
}

void run(const SampleOp& op, const Worker& worker) {
  const int32_t* parameters = read_integers(op.parameters);
  const Share share = share_of(worker, op.logits.rows);
  for (auto row = static_cast<int>(share.begin); row < share.end; ++row)
    write_integers(op.ids)[row] =
        sample_row({read_row(op.logits, row), static_cast<size_t>(op.logits.cols)},
                   unpack_sample_parameters({parameters + ptrdiff_t{row} * kSampleColumns, kSampleColumns}),
                   worker.sample_scratch);
}

}  // namespace quandex::cpu
