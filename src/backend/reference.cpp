// The truth: every sum in double, in the order of its definition, one thread, no tricks. Activations are stored as f32
// between operations, as on every other backend.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "backend/backends.h"
#include "backend/recorded_calls.h"
#include "backend/sample_row.h"
#include "base/check.h"
#include "base/error.h"
#include "format/quant.h"

namespace quandex {
namespace {

struct HostBuffer final : Buffer {
  explicit HostBuffer(size_t size_bytes) : bytes(size_bytes) {}
  std::vector<std::byte> bytes;
};

std::byte* data_of(Tensor t) { return static_cast<HostBuffer*>(t.buffer)->bytes.data() + t.offset; }
float* floats(Tensor t) { return reinterpret_cast<float*>(data_of(t)); }
int32_t* integers(Tensor t) { return reinterpret_cast<int32_t*>(data_of(t)); }
float* row_of(Tensor t, int row) { return floats(t) + static_cast<ptrdiff_t>(row) * t.cols; }
int32_t integer_at(Tensor t, int row) { return integers(t)[row]; }

// One row of a weight matrix as floats, through the format's decode.
std::span<const float> decoded_row(Tensor w, int row, std::vector<float>& out) {
  out.resize(static_cast<size_t>(w.cols));
  const size_t bytes = row_bytes(w.type, w.cols);
  decode_row(w.type, {data_of(w) + static_cast<size_t>(row) * bytes, bytes}, out);
  return out;
}

// The stored block of K/V slot `slot` that holds value `index`.
std::byte* kv_block(Tensor t, int slot, int index) {
  const size_t bytes = row_bytes(t.type, t.cols);
  return data_of(t) + static_cast<size_t>(slot) * bytes + row_bytes(t.type, index);
}
// `head` receives the values of one head, the first of which is value `index`.
void load_kv(Tensor t, int slot, int index, std::span<float> head) {
  decode_row(t.type, {kv_block(t, slot, index), row_bytes(t.type, std::ssize(head))}, head);
}
void store_kv(Tensor t, int slot, int index, std::span<const float> head) {
  std::byte* const to = kv_block(t, slot, index);
  encode_row(t.type, head, {to, row_bytes(t.type, std::ssize(head))});
  if (t.type != DType::q8_0) return;
  // Encoding a file's weights makes the best of any values; here what does not fit must not pass for something else.
  constexpr uint16_t kNan = 0x7E00;
  auto* const blocks = reinterpret_cast<BlockQ8_0*>(to);
  for (size_t i = 0; i < head.size(); ++i)
    if (!(std::abs(head[i]) / 127 <= f32_from_f16(kF16Largest))) blocks[i / BlockQ8_0::kValues].d = kNan;
}

// The sequence a token row belongs to.
int sequence_of(const StepInputs& in, int token) {
  int sequence = 0;
  while (integer_at(in.sequence_starts, sequence + 1) <= token) ++sequence;
  return sequence;
}

void put(float& out, double value, Into into) { out = static_cast<float>(into == Into::add ? out + value : value); }

void run_rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into) {
  for (int r = 0; r < x.rows; ++r) {
    const float* in = row_of(x, r);
    double squares = 0;
    for (int c = 0; c < x.cols; ++c) squares += static_cast<double>(in[c]) * in[c];
    const double scale = 1.0 / std::sqrt(squares / x.cols + eps);
    for (int c = 0; c < x.cols; ++c) put(row_of(out, r)[c], in[c] * scale * floats(weight)[c], into);
  }
}

double dot(std::span<const float> w, const float* x) {
  double sum = 0;
  for (size_t i = 0; i < w.size(); ++i) sum += static_cast<double>(w[i]) * x[i];
  return sum;
}

void run_linear(Tensor out, Tensor x, const Linear& w, Into into, std::vector<float>& row) {
  int column = 0;
  for (int p = 0; p < w.n_parts; ++p) {
    const Tensor part = w.parts[static_cast<size_t>(p)];
    for (int i = 0; i < part.rows; ++i, ++column) {
      const std::span<const float> weights = decoded_row(part, i, row);
      const double bias = w.bias ? floats(w.bias)[column] : 0.0;
      for (int r = 0; r < x.rows; ++r) put(row_of(out, r)[column], dot(weights, row_of(x, r)) + bias, into);
    }
  }
}

void normalize_head(float* head, int head_dim, Tensor norm, float eps) {
  double squares = 0;
  for (int i = 0; i < head_dim; ++i) squares += static_cast<double>(head[i]) * head[i];
  const double scale = 1.0 / std::sqrt(squares / head_dim + eps);
  for (int i = 0; i < head_dim; ++i) head[i] = static_cast<float>(head[i] * scale * floats(norm)[i]);
}

void rotate_head(float* head, const RopeConfig& rope, int variant, int position) {
  CHECK(variant >= 0 && variant < rope.inverse_freq.rows);
  const int half = rope.dims / 2;
  const float* inverse_freq = floats(rope.inverse_freq) + static_cast<ptrdiff_t>(variant) * half;
  const double scale = floats(rope.scale)[variant];
  for (int i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * inverse_freq[i];
    const double cosine = std::cos(angle) * scale, sine = std::sin(angle) * scale;
    const double a = head[i], b = head[i + half];
    head[i] = static_cast<float>(a * cosine - b * sine);
    head[i + half] = static_cast<float>(b * cosine + a * sine);
  }
}

void run_qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm, const RopeConfig& rope,
                            HeadShape heads, float eps, int kv_group, const StepInputs& in, std::vector<float>& key) {
  key.resize(static_cast<size_t>(heads.head_dim));
  for (int t = 0; t < in.n_tokens; ++t) {
    const int position = integer_at(in.positions, t);
    const int variant = integer_at(in.rope_variants, sequence_of(in, t));
    const int slot = integer_at(in.kv[static_cast<size_t>(kv_group)].slots, t);
    const float* source = row_of(qkv, t);
    std::copy_n(source, heads.q_cols(), row_of(q, t));
    for (int h = 0; h < heads.n_heads; ++h) {
      float* head = row_of(q, t) + h * heads.head_dim;
      if (q_norm) normalize_head(head, heads.head_dim, q_norm, eps);
      if (rope.dims > 0) rotate_head(head, rope, variant, position);
    }
    for (int h = 0; h < heads.n_kv_heads; ++h) {
      const int at = h * heads.head_dim;
      std::copy_n(source + heads.q_cols() + at, heads.head_dim, key.begin());
      if (k_norm) normalize_head(key.data(), heads.head_dim, k_norm, eps);
      if (rope.dims > 0) rotate_head(key.data(), rope, variant, position);
      store_kv(kv.keys, slot, at, key);
      store_kv(kv.values, slot, at, {source + heads.q_cols() + heads.kv_cols() + at, key.size()});
    }
  }
}

// The slots that a token may look at, in order of position.
void visible_slots(const StepInputs& in, int token, int window, int block_size, int kv_group, std::vector<int>& slots) {
  const Tensor tables = in.kv[static_cast<size_t>(kv_group)].block_tables;
  const int32_t* table = integers(tables) + static_cast<ptrdiff_t>(sequence_of(in, token)) * tables.cols;
  const int last = integer_at(in.positions, token);
  const int first = window > 0 ? std::max(0, last - window + 1) : 0;
  slots.clear();
  slots.reserve(static_cast<size_t>(tables.cols) * static_cast<size_t>(block_size));  // once for every length
  for (int j = first; j <= last; ++j) slots.push_back(table[j / block_size] * block_size + j % block_size);
}

struct AttentionScratch {
  std::vector<int> slots;
  std::vector<double> scores, sums;
  std::vector<float> head;  // a slot's key or value
};

void attend_head(float* out, const float* q, KvLayer kv, const AttentionConfig& config, int head, AttentionScratch& s) {
  const int head_dim = config.heads.head_dim;
  const int at = head / (config.heads.n_heads / config.heads.n_kv_heads) * head_dim;
  s.scores.reserve(s.slots.capacity());
  s.scores.resize(s.slots.size());
  s.head.resize(static_cast<size_t>(head_dim));
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t j = 0; j < s.slots.size(); ++j) {
    double score = 0;
    load_kv(kv.keys, s.slots[j], at, s.head);
    for (int i = 0; i < head_dim; ++i) score += static_cast<double>(q[i]) * s.head[static_cast<size_t>(i)];
    score *= config.scale;
    if (config.softcap > 0) score = config.softcap * std::tanh(score / config.softcap);
    s.scores[j] = score;
    largest = std::max(largest, score);
  }
  double total = 0;
  s.sums.assign(static_cast<size_t>(head_dim), 0.0);
  for (size_t j = 0; j < s.slots.size(); ++j) {
    const double weight = std::exp(s.scores[j] - largest);
    total += weight;
    load_kv(kv.values, s.slots[j], at, s.head);
    for (size_t i = 0; i < s.sums.size(); ++i) s.sums[i] += weight * s.head[i];
  }
  for (int i = 0; i < head_dim; ++i) out[i] = static_cast<float>(s.sums[static_cast<size_t>(i)] / total);
}

double activate(Activation activation, double x) {
  if (activation == Activation::silu) return x / (1.0 + std::exp(-x));
  constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
  return 0.5 * x * (1.0 + std::tanh(kSqrtTwoOverPi * (x + 0.044715 * x * x * x)));
}

void run_route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config, std::vector<double>& score) {
  for (int r = 0; r < logits.rows; ++r) {
    const float* logit = row_of(logits, r);
    score.assign(logit, logit + config.n_experts);
    const double largest = *std::max_element(score.begin(), score.end());
    if (config.score == RouteScore::softmax_then_choose) {
      double total = 0;
      for (double& s : score) total += s = std::exp(s - largest);
      for (double& s : score) s /= total;
    } else if (config.score == RouteScore::sigmoid) {
      for (double& s : score) s = 1.0 / (1.0 + std::exp(-s));
    }
    double chosen_total = 0;
    for (int c = 0; c < config.n_active; ++c) {
      const auto best = std::max_element(score.begin(), score.end());
      integers(experts)[r * config.n_active + c] = static_cast<int32_t>(best - score.begin());
      const double weight = config.score == RouteScore::choose_then_softmax ? std::exp(*best - largest) : *best;
      row_of(weights, r)[c] = static_cast<float>(weight);
      chosen_total += weight;
      *best = -std::numeric_limits<double>::infinity();
    }
    const bool divide = config.normalize || config.score == RouteScore::choose_then_softmax;
    for (int c = 0; c < config.n_active; ++c) {
      float& weight = row_of(weights, r)[c];
      weight = static_cast<float>((divide ? weight / chosen_total : weight) * config.scale);
    }
  }
}

void run_expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts, std::vector<float>& row) {
  const int n_active = experts.cols;
  for (int o = 0; o < out.rows; ++o) {
    const float* in = row_of(x, x.rows == out.rows ? o : o / n_active);
    const int expert = integers(experts)[o];
    int column = 0;
    for (int p = 0; p < w.n_parts; ++p) {
      const Tensor part = w.parts[static_cast<size_t>(p)];
      const int rows = part.rows / w.n_experts;
      for (int i = 0; i < rows; ++i, ++column)
        row_of(out, o)[column] = static_cast<float>(dot(decoded_row(part, expert * rows + i, row), in));
    }
  }
}

class ReferenceBackend final : public Backend, private CommandBatch {
 public:
  const DeviceInfo& info() const override { return info_; }

  Tensor allocate(DType type, int rows, int cols) override {
    CHECK(rows >= 0 && cols >= 0);
    return make_tensor(type, rows, cols);
  }

  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override {
    CHECK(!rows.empty());
    int64_t n_rows = 0;
    for (const RowSegment& segment : rows) n_rows += segment.n_rows;
    const int64_t cols = rows.front().source->cols();
    if (n_rows > std::numeric_limits<int>::max() || cols > std::numeric_limits<int>::max())
      throw Error(ErrorCode::unsupported, "{}: {} x {} is more than a matrix can have", name, n_rows, cols);
    const Tensor out = make_tensor(type, static_cast<int>(n_rows), static_cast<int>(cols));
    const size_t bytes = row_bytes(type, cols);
    std::byte* to = data_of(out);
    for (const RowSegment& segment : rows) {
      CHECK(segment.source->type == type && segment.source->cols() == cols);
      for (int64_t row = 0; row < segment.n_rows; ++row, to += bytes)
        copy_row(*segment.source, segment.first_row + row, {to, bytes});
    }
    return out;
  }

  size_t upload_bytes(DType type, std::span<const RowSegment> rows) const override {
    size_t total = 0;
    for (const RowSegment& segment : rows)
      total += static_cast<size_t>(segment.n_rows) * row_bytes(type, segment.source->cols());
    return total;
  }

  std::span<std::byte> host_view(Tensor t) override {
    return {data_of(t), static_cast<size_t>(t.rows) * row_bytes(t.type, t.cols)};
  }
  bool aliases_host(Tensor) const override { return false; }
  CommandBatch& begin() override {
    calls_.clear();
    return *this;
  }
  void wait(Ticket) override {}
  size_t allocated_bytes() const override { return allocated_bytes_; }

 private:
  Tensor make_tensor(DType type, int rows, int cols) {
    const size_t size_bytes = static_cast<size_t>(rows) * row_bytes(type, cols);
    try {
      buffers_.push_back(std::make_unique<HostBuffer>(size_bytes));
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::out_of_memory, "reference backend: cannot allocate {} bytes", size_bytes);
    }
    allocated_bytes_ += size_bytes;
    return {type, rows, cols, buffers_.back().get(), 0};
  }

  void embed(Tensor out, Tensor table, Tensor tokens, float scale) override {
    calls_.add([=, this] {
      for (int t = 0; t < out.rows; ++t) {
        int32_t id = integer_at(tokens, t);
        if (id < 0) id = integer_at(last_ids_, ~id);
        const std::span<const float> row = decoded_row(table, id, row_);
        for (int c = 0; c < out.cols; ++c) row_of(out, t)[c] = scale * row[static_cast<size_t>(c)];
      }
    });
  }
  void rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into) override {
    calls_.add([=] { run_rms_norm(out, x, weight, eps, into); });
  }
  void linear(Tensor out, Tensor x, const Linear& w, Into into) override {
    calls_.add([=, this] { run_linear(out, x, w, into, row_); });
  }
  void qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm, const RopeConfig& rope,
                          HeadShape heads, float eps, int kv_group, const StepInputs& in) override {
    calls_.add([=, this] { run_qk_norm_rope_store(q, kv, qkv, q_norm, k_norm, rope, heads, eps, kv_group, in, row_); });
  }
  void attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                 const StepInputs& in) override {
    calls_.add([=, this] {
      for (int t = 0; t < in.n_tokens; ++t) {
        visible_slots(in, t, config.window, kv.block_size, kv_group, attention_.slots);
        for (int h = 0; h < config.heads.n_heads; ++h)
          attend_head(row_of(out, t) + h * config.heads.head_dim, row_of(q, t) + h * config.heads.head_dim, kv, config,
                      h, attention_);
      }
    });
  }
  void glu(Tensor out, Tensor gate_up, Activation activation) override {
    calls_.add([=] {
      for (int r = 0; r < out.rows; ++r)
        for (int c = 0; c < out.cols; ++c)
          row_of(out, r)[c] =
              static_cast<float>(activate(activation, row_of(gate_up, r)[c]) * row_of(gate_up, r)[out.cols + c]);
    });
  }
  void route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) override {
    calls_.add([=, this] { run_route(weights, experts, logits, config, attention_.scores); });
  }
  void expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) override {
    calls_.add([=, this] { run_expert_linear(out, x, w, experts, row_); });
  }
  void expert_sum(Tensor out, Tensor branches, Tensor weights, Into into) override {
    calls_.add([=] {
      for (int r = 0; r < out.rows; ++r)
        for (int c = 0; c < out.cols; ++c) {
          double sum = into == Into::add ? row_of(out, r)[c] : 0.0f;
          for (int a = 0; a < weights.cols; ++a)
            sum += static_cast<double>(row_of(weights, r)[a]) * row_of(branches, r * weights.cols + a)[c];
          row_of(out, r)[c] = static_cast<float>(sum);
        }
    });
  }
  void gather_rows(Tensor out, Tensor x, Tensor rows) override {
    calls_.add([=] {
      for (int r = 0; r < out.rows; ++r) std::copy_n(row_of(x, integer_at(rows, r)), x.cols, row_of(out, r));
    });
  }
  void softcap(Tensor x, float cap) override {
    calls_.add([=] {
      for (int r = 0; r < x.rows; ++r)
        for (int c = 0; c < x.cols; ++c)
          row_of(x, r)[c] = static_cast<float>(cap * std::tanh(static_cast<double>(row_of(x, r)[c]) / cap));
    });
  }
  void sample(Tensor ids, Tensor logits, Tensor parameters) override {
    calls_.add([=, this] {
      for (int r = 0; r < logits.rows; ++r) {
        const std::span<const int32_t> row{integers(parameters) + static_cast<ptrdiff_t>(r) * kSampleColumns,
                                           kSampleColumns};
        integers(ids)[r] =
            sample_row({row_of(logits, r), static_cast<size_t>(logits.cols)}, unpack_sample_parameters(row), sample_);
      }
      last_ids_ = ids;
    });
  }
  Ticket submit() override {
    calls_.run_all();
    return {++n_submitted_};
  }

  DeviceInfo info_{"reference (double precision)", 0, true};
  std::vector<std::unique_ptr<HostBuffer>> buffers_;
  size_t allocated_bytes_ = 0;
  RecordedCalls calls_;
  uint64_t n_submitted_ = 0;
  Tensor last_ids_;
  std::vector<float> row_;  // working memory of the running operation, like the two below
  AttentionScratch attention_;
  SampleScratch sample_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace quandex
