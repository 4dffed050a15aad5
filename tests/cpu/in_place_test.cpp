// Row-major weights that stay where the file has them: whole stacks, and pieces of equal height such as experts.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "backend/backends.h"
#include "backend/op_inputs.h"

namespace quandex::test {
namespace {

constexpr int kExperts = 5, kActive = 2, kTokens = 9;

class CpuInPlace : public testing::TestWithParam<IsaLevel> {
 protected:
  std::unique_ptr<Backend> make(bool exact_activations = false) {
    return make_cpu_backend(pool_, {GetParam(), exact_activations});
  }
  ThreadPool pool_{2};
};

std::string level_name(const testing::TestParamInfo<IsaLevel>& info) { return std::string(isa_name(info.param)); }
INSTANTIATE_TEST_SUITE_P(levels, CpuInPlace,
                         testing::ValuesIn(supported_isa_levels().begin(), supported_isa_levels().end()), level_name);

// Tensors of equal shape, each in memory of its own.
std::deque<HostMatrix> make_pieces(DType type, int n, int rows, int cols) {
  Random random(51);
  std::deque<HostMatrix> pieces;
  for (int i = 0; i < n; ++i) pieces.emplace_back(type, rows, cols, random);
  return pieces;
}

std::vector<RowSegment> segments_of(const std::deque<HostMatrix>& pieces) {
  std::vector<RowSegment> segments;
  for (const HostMatrix& piece : pieces) segments.push_back({&piece.tensor, 0, piece.tensor.rows()});
  return segments;
}

// The same rows in one tensor.
struct Stacked {
  explicit Stacked(const std::deque<HostMatrix>& pieces) : tensor(pieces.front().tensor) {
    tensor.shape.front() *= static_cast<int64_t>(pieces.size());
    for (const HostMatrix& piece : pieces) {
      const std::span<const std::byte> from = piece.tensor.planes[0];
      bytes.insert(bytes.end(), from.begin(), from.end());
    }
    tensor.planes[0] = bytes;
  }
  Tensor upload(Backend& backend) const {
    const RowSegment all{&tensor, 0, tensor.rows()};
    return backend.upload("stacked", tensor.type, {&all, 1});
  }
  std::vector<std::byte> bytes;
  HostTensor tensor;
};

std::vector<int32_t> choices() {
  std::vector<int32_t> chosen;
  for (int t = 0; t < kTokens; ++t) {
    chosen.push_back(t * t % kExperts);
    chosen.push_back((t * t + 3) % kExperts);
  }
  return chosen;
}

std::vector<float> run_experts(Backend& backend, Tensor weights, const std::vector<int32_t>& chosen) {
  Random random(52);
  const int n_tokens = static_cast<int>(chosen.size()) / kActive;
  const Tensor x = float_tensor(backend, n_tokens, weights.cols, random.reals(area(n_tokens, weights.cols)));
  const Tensor experts = integer_tensor(backend, n_tokens, kActive, chosen);
  const Tensor out = backend.allocate(DType::f32, n_tokens * kActive, weights.rows / kExperts);
  CommandBatch& batch = backend.begin();
  batch.expert_linear(out, x, {{weights}, 1, kExperts}, experts);
  submit(backend, batch);
  return floats_of(backend, out);
}

std::vector<float> run_linear(Backend& backend, Tensor weights, int n_tokens) {
  Random random(53);
  const Tensor x = float_tensor(backend, n_tokens, weights.cols, random.reals(area(n_tokens, weights.cols)));
  const Tensor bias = float_tensor(backend, 1, weights.rows, random.reals(area(1, weights.rows)));
  const Tensor out = float_tensor(backend, n_tokens, weights.rows, random.reals(area(n_tokens, weights.rows)));
  CommandBatch& batch = backend.begin();
  batch.linear(out, x, {{weights}, 1, bias}, Into::add);
  submit(backend, batch);
  return floats_of(backend, out);
}

std::vector<float> embed_all(Backend& backend, Tensor table) {
  std::vector<int32_t> ids;
  for (int i = 0; i < table.rows; ++i) ids.push_back(table.rows - 1 - i);
  const Tensor tokens = integer_tensor(backend, table.rows, 1, ids);
  const Tensor out = backend.allocate(DType::f32, table.rows, table.cols);
  CommandBatch& batch = backend.begin();
  batch.embed(out, table, tokens, 1);
  submit(backend, batch);
  return floats_of(backend, out);
}

constexpr DType kRowMajor[] = {DType::f32, DType::f16, DType::bf16, DType::q5_1};

TEST_P(CpuInPlace, experts_of_their_own_take_no_memory_and_equal_a_stack) {
  for (const DType type : kRowMajor) {
    const auto pieces = make_pieces(type, kExperts, 24, 96);
    const auto cpu = make();
    EXPECT_EQ(cpu->upload_bytes(type, segments_of(pieces)), 0u) << format_of(type).name;
    const Tensor apart = cpu->upload("experts", type, segments_of(pieces));
    EXPECT_TRUE(cpu->aliases_host(apart)) << format_of(type).name;
    EXPECT_EQ(cpu->allocated_bytes(), 0u) << format_of(type).name;
    const Stacked stacked(pieces);
    const Tensor together = stacked.upload(*cpu);
    EXPECT_EQ(run_experts(*cpu, apart, choices()), run_experts(*cpu, together, choices())) << format_of(type).name;
    const auto reference = make_reference_backend();
    const Tensor on_reference = reference->upload("experts", type, segments_of(pieces));
    EXPECT_EQ(run_experts(*reference, on_reference, choices()),
              run_experts(*reference, stacked.upload(*reference), choices()))
        << format_of(type).name;
  }
}

TEST_P(CpuInPlace, packed_experts_of_their_own_equal_a_stack) {
  for (const DType type : {DType::q4_0, DType::q8_0, DType::q4_k, DType::q6_k}) {
    const auto pieces = make_pieces(type, kExperts, 40, 256);
    for (const bool exact : {false, true}) {
      const auto cpu = make(exact);
      const Tensor apart = cpu->upload("experts", type, segments_of(pieces));
      EXPECT_EQ(cpu->aliases_host(apart), exact);
      EXPECT_EQ(cpu->allocated_bytes(), cpu->upload_bytes(type, segments_of(pieces)));
      const Stacked stacked(pieces);
      EXPECT_EQ(run_experts(*cpu, apart, choices()), run_experts(*cpu, stacked.upload(*cpu), choices()));
    }
  }
}

// Groups of rows that workers share cross the borders of pieces here.
TEST_P(CpuInPlace, products_and_embeddings_of_pieces_equal_those_of_a_stack) {
  for (const DType type : kRowMajor) {
    const auto pieces = make_pieces(type, 3, 23, 96);
    const auto cpu = make();
    const Tensor apart = cpu->upload("pieces", type, segments_of(pieces));
    ASSERT_TRUE(cpu->aliases_host(apart));
    const Stacked stacked(pieces);
    const Tensor together = stacked.upload(*cpu);
    for (const int n_tokens : {1, 11})
      EXPECT_EQ(run_linear(*cpu, apart, n_tokens), run_linear(*cpu, together, n_tokens)) << format_of(type).name;
    EXPECT_EQ(embed_all(*cpu, apart), embed_all(*cpu, together)) << format_of(type).name;
  }
}

TEST(CpuInPlacePieces, that_are_low_or_uneven_are_copied) {
  ThreadPool pool(1);
  const auto cpu = make_cpu_backend(pool);
  const auto pieces = make_pieces(DType::f16, 2, 24, 32);
  const std::vector<RowSegment> uneven{{&pieces[0].tensor, 0, 24}, {&pieces[1].tensor, 0, 20}};
  const std::vector<RowSegment> low{{&pieces[0].tensor, 3, 1}, {&pieces[0].tensor, 1, 1}, {&pieces[0].tensor, 2, 1}};
  for (const auto& segments : {uneven, low}) {
    const size_t before = cpu->allocated_bytes();
    EXPECT_FALSE(cpu->aliases_host(cpu->upload("copied", DType::f16, segments)));
    EXPECT_EQ(cpu->allocated_bytes() - before, cpu->upload_bytes(DType::f16, segments));
  }
}

// Whole pages of f32 experts, of which any can be made unreadable.
class GuardedExperts {
 public:
  static constexpr int kCols = 64;

  explicit GuardedExperts(bool is_stacked) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    rows_ = static_cast<int>(page / (kCols * sizeof(float)));
    expert_bytes_ = page;
    stride_ = is_stacked ? page : 2 * page;
    memory_ = mmap(nullptr, kExperts * stride_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory_, MAP_FAILED);
    Random random(54);
    for (int e = 0; e < kExperts; ++e) {
      const std::vector<float> values = random.reals(area(rows_, kCols));
      std::memcpy(start(e), values.data(), expert_bytes_);
    }
    tensors_.resize(kExperts);
    for (int e = 0; e < kExperts; ++e) {
      HostTensor& tensor = tensors_[static_cast<size_t>(e)];
      tensor.shape = {rows_, kCols};
      tensor.planes[0] = {start(e), expert_bytes_};
      segments_.push_back({&tensor, 0, rows_});
    }
  }
  GuardedExperts(const GuardedExperts&) = delete;
  GuardedExperts& operator=(const GuardedExperts&) = delete;
  ~GuardedExperts() { munmap(memory_, kExperts * stride_); }

  std::span<const RowSegment> segments() const { return segments_; }
  void set_readable(int expert, bool is_readable) {
    EXPECT_EQ(mprotect(start(expert), expert_bytes_, is_readable ? PROT_READ : PROT_NONE), 0);
  }

 private:
  std::byte* start(int expert) const {
    return static_cast<std::byte*>(memory_) + static_cast<size_t>(expert) * stride_;
  }

  void* memory_ = nullptr;
  int rows_ = 0;
  size_t expert_bytes_ = 0, stride_ = 0;
  std::vector<HostTensor> tensors_;
  std::vector<RowSegment> segments_;
};

// Touching an expert that nobody has chosen would end this program.
TEST_P(CpuInPlace, only_the_experts_that_a_step_chooses_are_read) {
  for (const bool is_stacked : {false, true}) {
    GuardedExperts guarded(is_stacked);
    const auto cpu = make();
    const Tensor weights = cpu->upload("experts", DType::f32, guarded.segments());
    const std::vector<int32_t> chosen{3, 1, 1, 3, 3, 1};
    const std::vector<float> want = run_experts(*cpu, weights, chosen);
    for (const int expert : {0, 2, 4}) guarded.set_readable(expert, false);
    EXPECT_EQ(run_experts(*cpu, weights, chosen), want);
    for (const int expert : {0, 2, 4}) guarded.set_readable(expert, true);
  }
}

TEST(CpuInPlaceExperts, that_are_unreadable_and_chosen_end_the_program) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(1);
        GuardedExperts guarded(false);
        const auto cpu = make_cpu_backend(pool);
        const Tensor weights = cpu->upload("experts", DType::f32, guarded.segments());
        guarded.set_readable(2, false);
        run_experts(*cpu, weights, {2, 0});
      },
      "");
}

// A tensor at any offset in a file.
struct ShiftedMatrix {
  ShiftedMatrix(const HostMatrix& matrix, size_t offset) : tensor(matrix.tensor) {
    const std::span<const std::byte> from = matrix.tensor.planes[0];
    bytes.resize(offset + from.size());
    std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    tensor.planes[0] = std::span<const std::byte>(bytes).subspan(offset);
  }
  Tensor upload(Backend& backend) const {
    const RowSegment all{&tensor, 0, tensor.rows()};
    return backend.upload("shifted", tensor.type, {&all, 1});
  }
  std::vector<std::byte> bytes;
  HostTensor tensor;
};

std::vector<float> run_norm(Backend& backend, Tensor weight) {
  Random random(55);
  const Tensor x = float_tensor(backend, 2, weight.cols, random.reals(area(2, weight.cols)));
  CommandBatch& batch = backend.begin();
  batch.rms_norm(x, x, weight, 1e-5f);
  submit(backend, batch);
  return floats_of(backend, x);
}

void expect_any_offset(Backend& backend, bool can_alias) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q5_1, DType::q8_0, DType::q6_k}) {
    Random random(56);
    const HostMatrix matrix(type, 19, 256, random);
    const std::vector<float> product = run_linear(backend, matrix.upload(backend), 3);
    const std::vector<float> rows = embed_all(backend, matrix.upload(backend));
    for (size_t offset = 0; offset < 8; ++offset) {
      const ShiftedMatrix shifted(matrix, offset);
      const Tensor weights = shifted.upload(backend);
      if (can_alias && format_of(type).block_values == 1) {
        EXPECT_EQ(backend.aliases_host(weights), offset % format_of(type).block_bytes == 0);
      }
      EXPECT_EQ(run_linear(backend, weights, 3), product) << format_of(type).name << " at " << offset;
      EXPECT_EQ(embed_all(backend, weights), rows) << format_of(type).name << " at " << offset;
    }
  }
  Random random(57);
  const HostMatrix norm(DType::f32, 1, 33, random);
  const std::vector<float> want = run_norm(backend, norm.upload(backend));
  for (size_t offset = 1; offset < 4; ++offset) {
    const ShiftedMatrix shifted(norm, offset);
    EXPECT_EQ(run_norm(backend, shifted.upload(backend)), want) << "norm at " << offset;
  }
}

TEST_P(CpuInPlace, tensors_may_begin_at_any_byte) { expect_any_offset(*make(), true); }

TEST(Reference, tensors_may_begin_at_any_byte) { expect_any_offset(*make_reference_backend(), false); }

}  // namespace
}  // namespace quandex::test
