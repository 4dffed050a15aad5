// Speed of attention for each level and type of the K/V cache: a decoding step of a model's layers at several context
// lengths, in nanoseconds for one cached position of one layer, with the bytes that are read. Of all repeats the least
// processor time of one thread counts, so that other programs disturb less.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>
#include <vector>

#include "backend/backends.h"

namespace quandex {
namespace {

constexpr int kRepeats = 15, kBlockSize = 32;
constexpr HeadShape kHeads{32, 8, 64};  // of Llama 3.2 1B

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Tensor integers(Backend& backend, int rows, int cols, const std::vector<int32_t>& values) {
  const Tensor t = backend.allocate(DType::i32, rows, cols);
  std::memcpy(backend.host_view(t).data(), values.data(), values.size() * sizeof(int32_t));
  return t;
}

// The last of `length` tokens, beside a cache whose values are all zero, which cost as much as any.
StepInputs inputs_of(Backend& backend, int length) {
  StepInputs in;
  in.n_tokens = in.n_sequences = 1;
  const int n_blocks = (length + kBlockSize - 1) / kBlockSize;
  std::vector<int32_t> table;
  for (int i = 0; i < n_blocks; ++i) table.push_back(i);
  in.positions = integers(backend, 1, 1, {length - 1});
  in.sequence_starts = integers(backend, 2, 1, {0, 1});
  in.lengths = integers(backend, 1, 1, {length});
  in.rope_variants = integers(backend, 1, 1, {0});
  in.kv[0].slots = integers(backend, 1, 1, {length - 1});
  in.kv[0].block_tables = integers(backend, 1, n_blocks, table);
  return in;
}

// One layer's cache and a step over it.
class Decoding {
 public:
  Decoding(IsaLevel isa, DType type, int length, int n_threads)
      : pool_(n_threads),
        cpu_(make_cpu_backend(pool_, {isa, false})),
        in_(inputs_of(*cpu_, length)),
        q_(cpu_->allocate(DType::f32, 1, kHeads.q_cols())),
        out_(cpu_->allocate(DType::f32, 1, kHeads.q_cols())) {
    const int n_slots = (length + kBlockSize - 1) / kBlockSize * kBlockSize;
    const auto cache = [&] { return cpu_->allocate(type, n_slots, kHeads.kv_cols()); };
    for (KvLayer& layer : layers_) layer = {cache(), cache(), kBlockSize};
  }

  double run() {
    const double start = processor_seconds();
    CommandBatch& batch = cpu_->begin();
    for (const KvLayer& layer : layers_) batch.attention(out_, q_, layer, {kHeads, 0.125f, 0, 0}, 0, in_);
    cpu_->wait(batch.submit());
    return (processor_seconds() - start) / static_cast<double>(layers_.size());
  }

 private:
  ThreadPool pool_;
  std::unique_ptr<Backend> cpu_;
  StepInputs in_;
  Tensor q_, out_;
  std::array<KvLayer, 16> layers_;
};

// The least of all repeats, in which the types take turns.
void measure(IsaLevel isa, int length, int n_threads) {
  std::vector<std::unique_ptr<Decoding>> decodings;
  for (const DType type : kKvTypes) decodings.push_back(std::make_unique<Decoding>(isa, type, length, n_threads));
  std::array<double, kKvTypes.size()> seconds;
  seconds.fill(1e9);
  for (int i = 0; i < kRepeats; ++i)
    for (size_t t = 0; t < kKvTypes.size(); ++t) seconds[t] = std::min(seconds[t], decodings[t]->run());
  for (size_t t = 0; t < kKvTypes.size(); ++t) {
    const double bytes = 2.0 * length * static_cast<double>(row_bytes(kKvTypes[t], kHeads.kv_cols()));
    fmt::print("{:12} {:5} {:>9} {:>12.1f} {:>8.1f}\n", isa_name(isa), format_of(kKvTypes[t]).name, length,
               1e9 * seconds[t] / length, bytes / seconds[t] / 1e9);
  }
}

void run(int n_threads) {
  fmt::print("attention of one token in 16 layers, {} heads ({} kv) of {}, {} threads\n", kHeads.n_heads,
             kHeads.n_kv_heads, kHeads.head_dim, n_threads);
  fmt::print("{:12} {:5} {:>9} {:>12} {:>8}\n", "level", "K/V", "positions", "ns/position", "GB/s");
  for (const IsaLevel isa : supported_isa_levels())
    for (const int length : {256, 4096, 32768}) measure(isa, length, n_threads);
}

}  // namespace
}  // namespace quandex

int main() {
  quandex::run(quandex::default_thread_count());
  return 0;
}
