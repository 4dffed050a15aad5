#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "format/qwen3c.h"

namespace quandex {
namespace {

constexpr int64_t kMaxComparedRows = 256;  // of a tensor, evenly spread

// How far a value may lie from its source: half a step of its group, and the rounding of the division, of the product
// and of the step itself, each at most eps / 2 of the group's largest magnitude (127 steps); where the step is so small
// that it has no eps, 127 times the least float.
float tolerance_of(float scale) { return scale * (0.5f + 4 * 127 * 0x1p-24f) + 127 * 0x1p-149f; }

class Verifier {
 public:
  Verifier(const Qwen3cFile& file, const WeightSource& weights) : file_(file), weights_(weights) {}

  Qwen3cComparison compare(const std::string& name) {
    const HostTensor written = *file_.find(name);
    const auto source = weights_.find(name);
    if (!source || source->shape != written.shape)
      throw Error(ErrorCode::invalid_file, "{}: tensor {} is not that of {}", file_.description(), name,
                  weights_.description());
    Qwen3cComparison result{name, written.rows(), written.cols(), std::min(written.rows(), kMaxComparedRows), 0};
    got_.resize(static_cast<size_t>(written.cols()));
    want_.resize(got_.size());
    for (int64_t i = 0; i < result.n_compared; ++i) {
      const int64_t row = result.n_compared == 1 ? 0 : i * (written.rows() - 1) / (result.n_compared - 1);
      decode_row(written, row, got_);
      decode_row(*source, row, want_);
      result.max_error = std::max(result.max_error, compare_row(written, row, source->type, name));
    }
    weights_.release(name);
    file_.release(name);
    return result;
  }

 private:
  float compare_row(const HostTensor& written, int64_t row, DType source_type, const std::string& name) const {
    const auto group = static_cast<size_t>(format_of(written.type).block_values);
    const bool is_exact = written.type == DType::f32 || source_type == written.type;
    float max_error = 0;
    for (size_t begin = 0; begin < got_.size(); begin += group) {
      float largest = 0;
      for (size_t i = begin; i < begin + group; ++i) largest = std::max(largest, std::fabs(want_[i]));
      const float allowed = is_exact ? 0 : tolerance_of(largest / 127);
      for (size_t i = begin; i < begin + group; ++i) {
        const float error = std::fabs(want_[i] - got_[i]);
        if (!(error <= allowed)) {
          throw Error(ErrorCode::invalid_file,
                      "{}: tensor {} has {} in row {} at {}, expected {} as in {} (off by at most {})",
                      file_.description(), name, got_[i], row, i, want_[i], weights_.description(), allowed);
        }
        max_error = std::max(max_error, error);
      }
    }
    return max_error;
  }

  const Qwen3cFile& file_;
  const WeightSource& weights_;
  std::vector<float> got_, want_;  // one row
};

}  // namespace

std::vector<Qwen3cComparison> verify_qwen3c(const std::filesystem::path& path, const WeightSource& weights) {
  const Qwen3cFile file(path);
  Verifier verifier(file, weights);
  std::vector<Qwen3cComparison> results;
  for (const std::string& name : file.names()) results.push_back(verifier.compare(name));
  return results;
}

}  // namespace quandex
