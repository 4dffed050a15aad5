#include "model/export_gguf.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/error.h"
#include "format/equal_types.h"
#include "format/gguf.h"
#include "model/weight_loader.h"

namespace quandex {
namespace {

// How a file of another family stores things; GGUF has its own way, which needs no key.
constexpr std::array<std::string_view, 2> kConventionKeys{"quandex.norm_offset", "quandex.qk_rows_interleaved"};

constexpr size_t kChunkBytes = size_t{4} << 20;

// A tensor of the output: rows of one or more tensors of the input, one after the other.
struct OutTensor {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::string> sources;
  int64_t first_row = 0, n_rows = 0;  // of every source
  int64_t stride = 0;                 // > 0: `n_rows` of every `stride` rows, from first_row on
  RowOrder order;                     // rows are written in the order of pairwise RoPE
  float offset = 0;
};

// The inverse of RowOrder::file_row: which row of half-split order comes at `row` in pairwise order.
int64_t half_split_row(const RowOrder& order, int64_t row) {
  if (order.rope_dims == 0) return row;
  const int64_t head = row / order.head_dim, within = row % order.head_dim;
  if (within >= order.rope_dims) return row;
  return head * order.head_dim + (within % 2) * (order.rope_dims / 2) + within / 2;
}

class Exporter {
 public:
  Exporter(const Checkpoint& checkpoint, const ExportOptions& options)
      : weights_(checkpoint.weights()), options_(options), config_(checkpoint.read_config()) {
    const bool is_half_split = !checkpoint.metadata().boolean("quandex.qk_rows_interleaved", true);
    if (is_half_split) order_ = {config_.heads().head_dim, config_.ropes.front().dims};
    const UnusedTensors unused = unused_tensors(config_, weights_);  // throws for what cannot be loaded
    report_.left_out = unused.unexplained;
    left_out_.insert(unused.unexplained.begin(), unused.unexplained.end());
    left_out_.insert(unused.harmless.begin(), unused.harmless.end());
    for (const std::string& name : weights_.names())
      if (!left_out_.contains(name)) plan(name);
  }

  const ModelConfig& config() const { return config_; }
  ExportReport& report() { return report_; }

  void declare(GgufWriter& writer) {
    for (const OutTensor& tensor : tensors_) writer.declare(tensor.name, tensor.type, tensor.shape);
    report_.n_tensors = static_cast<int>(tensors_.size());
    report_.size_bytes = writer.total_bytes();
  }

  void write(GgufWriter& writer, const LoadProgress& progress) {
    uint64_t done_bytes = 0;
    const auto advance = [&](uint64_t n_bytes) {
      done_bytes += n_bytes;
      if (progress) progress(std::min(done_bytes, report_.size_bytes), report_.size_bytes);
    };
    for (const OutTensor& tensor : tensors_)
      for (const std::string& source : tensor.sources) {
        write_source(writer, tensor, *weights_.find(source), advance);
        weights_.release(source);
      }
  }

 private:
  // "blk.3.ffn_gate.7.weight" to "blk.3.ffn_gate_exps.weight" and 7.
  static std::optional<std::pair<std::string, int>> stacked_name(const std::string& name) {
    for (const std::string_view matrix : {".ffn_gate.", ".ffn_up.", ".ffn_down."}) {
      const size_t at = name.find(matrix);
      if (at == name.npos) continue;
      const std::string rest = name.substr(at + matrix.size());  // "7.weight" or "weight"
      if (rest.front() < '0' || rest.front() > '9') return std::nullopt;
      return std::pair(name.substr(0, at + matrix.size() - 1) + "_exps.weight", std::stoi(rest));
    }
    return std::nullopt;
  }

  void plan(const std::string& name) {
    const HostTensor tensor = *weights_.find(name);
    if (const auto expert = stacked_name(name)) return plan_expert(name, tensor, expert->first, expert->second);
    if (name.ends_with("ffn_gate_up_exps.weight")) return plan_gate_up(name, tensor);
    OutTensor out{name, type_of(name, tensor), tensor.shape, {name}, 0, tensor.rows(), 0, {}, 0};
    if (name.find(".attn_q.") != name.npos || name.find(".attn_k.") != name.npos) out.order = order_;
    if (name.ends_with("norm.weight")) out.offset = config_.storage.norm_offset;
    tensors_.push_back(std::move(out));
  }

  // The loader has seen that there are experts 0 to n - 1; the first one speaks for all.
  void plan_expert(const std::string& name, const HostTensor& tensor, const std::string& stacked, int expert) {
    if (expert != 0) return;
    OutTensor out{stacked, type_of(name, tensor), {}, {}, 0, tensor.rows(), 0, {}, 0};
    const std::string prefix = name.substr(0, name.size() - std::string_view("0.weight").size());
    for (int e = 0; weights_.find(prefix + std::to_string(e) + ".weight"); ++e)
      out.sources.push_back(prefix + std::to_string(e) + ".weight");
    out.shape = {static_cast<int64_t>(out.sources.size()), tensor.rows(), tensor.cols()};
    tensors_.push_back(std::move(out));
  }

  // [n_experts, gate | up, cols] becomes two tensors, which every reader knows.
  void plan_gate_up(const std::string& name, const HostTensor& tensor) {
    const std::string prefix = name.substr(0, name.size() - std::string_view("ffn_gate_up_exps.weight").size());
    const int64_t n_experts = tensor.shape[0], both = tensor.shape[1], one = both / 2;
    for (const auto& [part, first] : {std::pair{"ffn_gate_exps.weight", int64_t{0}}, {"ffn_up_exps.weight", one}})
      tensors_.push_back(
          {prefix + part, type_of(name, tensor), {n_experts, one, tensor.cols()}, {name}, first, one, both, {}, 0});
  }

  // Vectors and routers are small and what other programs expect in float32.
  DType type_of(const std::string& name, const HostTensor& tensor) {
    if (tensor.shape.size() < 2 || name.find("ffn_gate_inp") != name.npos) return DType::f32;
    const bool is_plain = tensor.type == DType::f32 || tensor.type == DType::f16 || tensor.type == DType::bf16;
    if (is_plain) return options_.type.value_or(tensor.type);
    const auto equal = equal_gguf_type(tensor);
    const std::string_view own_name = format_of(tensor.type).name;
    if (!equal && !options_.type)
      throw Error(
          ErrorCode::unsupported,
          "{}: tensor {} is {}, and no GGUF type has exactly its values; choose --type f32 (exact), f16 or bf16 "
          "(rounded)",
          weights_.description(), weights_.name_in_file(name), own_name);
    const DType type = equal.value_or(options_.type.value_or(DType::f32));
    if (type != tensor.type) note(fmt::format("{} for {}", format_of(type).name, own_name));
    return type;
  }

  void note(std::string text) {
    std::vector<std::string>& notes = report_.converted;
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(std::move(text));
  }

  // Rows that stay as they are and where they are go from the map to the file, some MB at a time.
  template <typename Advance>
  static void write_as_they_lie(GgufWriter& writer, const OutTensor& out, const HostTensor& tensor,
                                const Advance& advance) {
    const size_t bytes_per_row = row_bytes(tensor.type, tensor.cols());
    const int64_t step = out.stride > 0 ? out.stride : tensor.rows();
    for (int64_t block = 0; block < tensor.rows(); block += step) {
      std::span<const std::byte> rest = tensor.planes[0].subspan(
          static_cast<size_t>(block + out.first_row) * bytes_per_row, static_cast<size_t>(out.n_rows) * bytes_per_row);
      while (!rest.empty()) {
        const auto chunk = rest.first(std::min(rest.size(), kChunkBytes));
        writer.write(chunk);
        advance(chunk.size());
        rest = rest.subspan(chunk.size());
      }
    }
  }

  template <typename Advance>
  void write_source(GgufWriter& writer, const OutTensor& out, const HostTensor& tensor, const Advance& advance) {
    const bool lies_ready = out.type == tensor.type && out.offset == 0 && out.order.rope_dims == 0;
    if (lies_ready && format_of(tensor.type).n_planes() == 1) return write_as_they_lie(writer, out, tensor, advance);
    std::vector<std::byte> row(row_bytes(out.type, tensor.cols()));
    const bool is_plain_type = out.type == DType::f32 || out.type == DType::f16 || out.type == DType::bf16;
    const bool is_bias = tensor.shape.size() == 1 && out.order.rope_dims > 0;
    const bool is_copied = out.type == tensor.type && out.offset == 0 && !is_bias;
    const int64_t step = out.stride > 0 ? out.stride : tensor.rows();
    std::vector<float> values(is_plain_type ? static_cast<size_t>(tensor.cols()) : 0);
    for (int64_t block = 0; block < tensor.rows(); block += step)
      for (int64_t r = 0; r < out.n_rows; ++r) {
        const int64_t source_row = block + out.first_row + half_split_row(out.order, r);
        if (is_copied || !is_plain_type) {
          copy_row_as(tensor, source_row, out.type, row);
        } else {
          decode_row(tensor, source_row, values);
          for (float& value : values) value += out.offset;
          if (is_bias) reorder(values, out.order);
          encode_row(out.type, values, row);
        }
        writer.write(row);
        advance(row.size());
      }
  }

  // A bias is one row, whose values follow the rows of its matrix.
  static void reorder(std::vector<float>& values, const RowOrder& order) {
    const std::vector<float> original = values;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = original[static_cast<size_t>(half_split_row(order, static_cast<int64_t>(i)))];
  }

  const WeightSource& weights_;
  const ExportOptions options_;
  const ModelConfig config_;
  RowOrder order_;
  std::set<std::string, std::less<>> left_out_;
  std::vector<OutTensor> tensors_;
  ExportReport report_;
};

// general.file_type: the registry's number for what most matrices are; readers show it, nothing depends on it.
void set_file_type(Metadata& metadata, const ExportOptions& options) {
  if (!options.type) return;
  const uint32_t number = *options.type == DType::f32 ? 0 : *options.type == DType::f16 ? 1 : 32;
  metadata.set_u32("general.file_type", number);
}

}  // namespace

ExportReport export_gguf(const Checkpoint& checkpoint, const std::filesystem::path& output,
                         const ExportOptions& options, const LoadProgress& progress) {
  Exporter exporter(checkpoint, options);
  Metadata metadata("export");
  for (const auto& [key, value] : checkpoint.metadata().entries()) {
    const bool is_convention = std::find(kConventionKeys.begin(), kConventionKeys.end(), key) != kConventionKeys.end();
    if (is_convention || key.starts_with("split.")) continue;
    metadata.set(key, value);
    if (key.starts_with("quandex.")) exporter.report().own_keys.push_back(key);
  }
  set_file_type(metadata, options);
  if (!metadata.has("general.quantization_version")) metadata.set_u32("general.quantization_version", 2);
  GgufWriter writer(output, std::move(metadata));
  exporter.declare(writer);
  exporter.write(writer, progress);
  writer.finish();
  return std::move(exporter.report());
}

}  // namespace quandex
