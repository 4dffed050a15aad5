// Ragged steps over a paged KV cache: the inputs of qk_norm_rope_store and attention, made the same for every backend.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "backend/op_inputs.h"
#include "format/quant.h"

namespace quandex::test {

struct AttentionShape {
  HeadShape heads{3, 1, 40};
  DType kv_type = DType::f32;
  int block_size = 32;
  struct Sequence {
    int n_past, n_new;  // positions stored by an earlier step, and by the one that attends
  };
  std::vector<Sequence> sequences{{0, 5}};
  int window = 0;
  float softcap = 0;
  int rope_dims = 0;
  bool has_norms = false;
};

// One layer's tensors and every sequence's q|k|v rows, made from a seed.
class AttentionWorld {
 public:
  AttentionWorld(Backend& backend, const AttentionShape& shape, uint32_t seed = 31)
      : shape_(shape), backend_(backend), random_(seed) {
    const HeadShape& heads = shape.heads;
    for (const auto& sequence : shape.sequences) {
      const int n = sequence.n_past + sequence.n_new;
      max_blocks_ = std::max(max_blocks_, (n + shape.block_size - 1) / shape.block_size);
      rows_.push_back(random_.reals(area(n, heads.qkv_cols()), 2));
    }
    const int n_sequences = static_cast<int>(shape.sequences.size());
    for (int i = 0; i < max_blocks_ * n_sequences; ++i) blocks_.push_back(i);
    random_.shuffle(blocks_);
    const int n_slots = max_blocks_ * n_sequences * shape.block_size;
    kv_ = {backend.allocate(shape.kv_type, n_slots, heads.kv_cols()),
           backend.allocate(shape.kv_type, n_slots, heads.kv_cols()), shape.block_size};
    q_norm_ = random_.reals(area(1, heads.head_dim), 2);
    k_norm_ = random_.reals(area(1, heads.head_dim), 2);
    rope_.dims = shape.rope_dims;
    if (shape.rope_dims > 0) {
      frequencies_ = random_.reals(area(kVariants, shape.rope_dims / 2));
      rope_.inverse_freq = float_tensor(backend, kVariants, shape.rope_dims / 2, frequencies_);
      rope_.scale = float_tensor(backend, kVariants, 1, kScales);
    }
    if (shape.has_norms) {
      q_norm_tensor_ = float_tensor(backend, 1, heads.head_dim, q_norm_);
      k_norm_tensor_ = float_tensor(backend, 1, heads.head_dim, k_norm_);
    }
  }

  // A run of positions of one sequence within a step.
  struct Part {
    int sequence, first, n_tokens;
  };

  struct Output {
    std::vector<float> attended, queries;  // [tokens of all parts, q_cols]
  };

  // Stores the parts' K and V and attends, as one step.
  Output run(const std::vector<Part>& parts) {
    Tensor qkv, q, out;
    const StepInputs in = make_inputs(parts, qkv, q, out);
    CommandBatch& batch = backend_.begin();
    record(batch, in, qkv, q, out);
    submit(backend_, batch);
    return {floats_of(backend_, out), floats_of(backend_, q)};
  }

  void record(CommandBatch& batch, const StepInputs& in, Tensor qkv, Tensor q, Tensor out) const {
    const AttentionConfig config{shape_.heads, scale(), shape_.softcap, shape_.window};
    batch.qk_norm_rope_store(q, kv_, qkv, q_norm_tensor_, k_norm_tensor_, rope_, shape_.heads, kNormEps, 1, in);
    batch.attention(out, q, kv_, config, 1, in);
  }

  StepInputs make_inputs(const std::vector<Part>& parts, Tensor& qkv, Tensor& q, Tensor& out) {
    const int qkv_cols = shape_.heads.qkv_cols();
    std::vector<float> rows;
    std::vector<int32_t> positions, slots, starts{0}, lengths, variants, tables;
    for (const Part& part : parts) {
      const std::vector<float>& source = rows_[static_cast<size_t>(part.sequence)];
      for (int p = part.first; p < part.first + part.n_tokens; ++p) {
        const auto from = source.begin() + static_cast<std::ptrdiff_t>(area(p, qkv_cols));
        rows.insert(rows.end(), from, from + qkv_cols);
        positions.push_back(p);
        slots.push_back(block(part.sequence, p / shape_.block_size) * shape_.block_size + p % shape_.block_size);
      }
      starts.push_back(static_cast<int32_t>(positions.size()));
      lengths.push_back(part.first + part.n_tokens);
      variants.push_back(part.sequence % kVariants);
      for (int b = 0; b < max_blocks_; ++b) tables.push_back(block(part.sequence, b));
    }
    StepInputs in;
    in.n_tokens = static_cast<int>(positions.size());
    in.n_sequences = static_cast<int>(parts.size());
    in.positions = integer_tensor(backend_, in.n_tokens, 1, positions);
    in.sequence_starts = integer_tensor(backend_, in.n_sequences + 1, 1, starts);
    in.lengths = integer_tensor(backend_, in.n_sequences, 1, lengths);
    in.rope_variants = integer_tensor(backend_, in.n_sequences, 1, variants);
    in.kv[1].slots = integer_tensor(backend_, in.n_tokens, 1, slots);
    in.kv[1].block_tables = integer_tensor(backend_, in.n_sequences, max_blocks_, tables);
    qkv = float_tensor(backend_, in.n_tokens, qkv_cols, rows);
    q = backend_.allocate(DType::f32, in.n_tokens, shape_.heads.q_cols());
    out = backend_.allocate(DType::f32, in.n_tokens, shape_.heads.q_cols());
    return in;
  }

  // A head after norm and rotation in double, with the error that f32 arithmetic may have left in each value.
  struct Head {
    std::vector<double> values, errors;
  };
  Head head_of(int sequence, int position, int head, bool is_key) const {
    const int n = shape_.heads.head_dim;
    const float* source = rows_[static_cast<size_t>(sequence)].data() + area(position, shape_.heads.qkv_cols()) +
                          area(head + (is_key ? shape_.heads.n_heads : 0), n);
    Head out{{source, source + n}, std::vector<double>(static_cast<size_t>(n))};
    if (shape_.has_norms) normalize(out, is_key ? k_norm_ : q_norm_);
    if (shape_.rope_dims > 0) rotate(out, sequence, position);
    if (is_key && shape_.kv_type == DType::f16 && (shape_.has_norms || shape_.rope_dims > 0))
      for (size_t i = 0; i < out.values.size(); ++i)
        out.errors[i] += std::abs(out.values[i]) * 0x1p-10;  // may round apart
    if (is_key && shape_.kv_type == DType::q8_0) quantize(out);
    return out;
  }
  std::vector<float> value_of(int sequence, int position, int kv_head) const {
    const float* source = rows_[static_cast<size_t>(sequence)].data() + area(position, shape_.heads.qkv_cols()) +
                          area(shape_.heads.n_heads + shape_.heads.n_kv_heads + kv_head, shape_.heads.head_dim);
    Head value{{source, source + shape_.heads.head_dim}, std::vector<double>(area(1, shape_.heads.head_dim))};
    if (shape_.kv_type == DType::q8_0) quantize(value);
    return {value.values.begin(), value.values.end()};
  }
  float scale() const { return 1 / std::sqrt(static_cast<float>(shape_.heads.head_dim)); }
  const AttentionShape& shape() const { return shape_; }

 private:
  static constexpr float kNormEps = 1e-5f;
  static constexpr int kVariants = 3;
  inline static const std::vector<float> kScales{1.0f, 1.25f, 0.8f};

  int32_t block(int sequence, int index) const { return blocks_[static_cast<size_t>(sequence * max_blocks_ + index)]; }

  void normalize(Head& head, const std::vector<float>& norm) const {
    double squares = 0;
    for (const double value : head.values) squares += value * value;
    const double factor = 1 / std::sqrt(squares / shape_.heads.head_dim + double{kNormEps});
    for (size_t i = 0; i < norm.size(); ++i) {
      head.values[i] *= factor * double{norm[i]};
      head.errors[i] = kTolerance * std::abs(head.values[i]);
    }
  }

  void rotate(Head& head, int sequence, int position) const {
    const auto half = static_cast<size_t>(shape_.rope_dims / 2);
    for (size_t i = 0; i < half; ++i) {
      const size_t variant = static_cast<size_t>(sequence % kVariants);
      const double angle = position * double{frequencies_[variant * half + i]}, factor = double{kScales[variant]};
      const double a = head.values[i], b = head.values[i + half];
      const double before = head.errors[i] + head.errors[i + half];
      head.values[i] = (a * std::cos(angle) - b * std::sin(angle)) * factor;
      head.values[i + half] = (b * std::cos(angle) + a * std::sin(angle)) * factor;
      head.errors[i] = head.errors[i + half] = (before + kTolerance * (std::abs(a) + std::abs(b))) * factor;
    }
  }

  // Codes and steps of q8_0, and how far those of two backends may lie apart: not at all where every value within its
  // error has the same code and the same step.
  static void quantize(Head& head) {
    for (size_t start = 0; start < head.values.size(); start += 32) {
      const std::span<double> values(head.values.data() + start, 32), errors(head.errors.data() + start, 32);
      double least = 0, most = 0;  // of the largest magnitude
      for (size_t i = 0; i < 32; ++i) {
        least = std::max(least, std::abs(values[i]) - errors[i]);
        most = std::max(most, std::abs(values[i]) + errors[i]);
      }
      const double low = step_of(least), high = step_of(most);
      for (size_t i = 0; i < 32; ++i) {
        const double from = code_of(values[i] - errors[i], high), to = code_of(values[i] + errors[i], low);
        const double first = code_of(values[i] - errors[i], low), last = code_of(values[i] + errors[i], high);
        const auto [lowest, highest] = std::minmax({from * high, to * low, first * low, last * high});
        errors[i] = highest - lowest;
        values[i] = code_of(values[i], high) * high;
      }
    }
  }
  static double step_of(double largest) {
    std::vector<float> block(32);
    block[0] = static_cast<float>(largest);
    std::byte stored[sizeof(BlockQ8_0)];
    encode_row(DType::q8_0, block, stored);
    return double{f32_from_f16(reinterpret_cast<const BlockQ8_0*>(stored)->d)};
  }
  static double code_of(double value, double step) {
    return step == 0
               ? 0
               : std::clamp(std::nearbyint(static_cast<float>(value) / static_cast<float>(step)), -127.0f, 127.0f);
  }

  AttentionShape shape_;
  Backend& backend_;
  Random random_;
  int max_blocks_ = 0;
  std::vector<std::vector<float>> rows_;  // per sequence [positions, qkv_cols]
  std::vector<int32_t> blocks_;
  std::vector<float> q_norm_, k_norm_, frequencies_;
  Tensor q_norm_tensor_, k_norm_tensor_;
  RopeConfig rope_;
  KvLayer kv_;
};

}  // namespace quandex::test
