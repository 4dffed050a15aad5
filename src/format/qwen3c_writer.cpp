#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "format/qwen3c.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr int kUsualGroupSize = 64;
constexpr std::string_view kPrefix = "qwen3.";

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorCode::unsupported, "qwen3.c cannot hold this model: {}",
              fmt::format(format, std::forward<Args>(args)...));
}

// Keys that become fields of the header, are fixed by the format, or are checked by name.
constexpr std::array<std::string_view, 13> kHeldKeys = {"block_count",
                                                        "context_length",
                                                        "embedding_length",
                                                        "feed_forward_length",
                                                        "attention.head_count",
                                                        "attention.head_count_kv",
                                                        "attention.key_length",
                                                        "attention.value_length",
                                                        "attention.layer_norm_rms_epsilon",
                                                        "attention.scale",
                                                        "rope.freq_base",
                                                        "rope.dimension_count",
                                                        "vocab_size"};

// Keys that say nothing at one value.
struct NeutralKey {
  std::string_view name;
  double value;
};
constexpr std::array<NeutralKey, 4> kNeutralKeys = {
    {{"attention.sliding_window", 0}, {"expert_count", 0}, {"expert_used_count", 0}, {"rope.scale_linear", 1}}};

void check_architecture_key(const Metadata& metadata, const std::string& key) {
  const std::string_view name = std::string_view(key).substr(kPrefix.size());
  if (std::ranges::find(kHeldKeys, name) != kHeldKeys.end()) return;
  if (name.starts_with("rope.scaling.")) {
    const std::string scaling = metadata.string("qwen3.rope.scaling.type", "none");
    if (scaling != "none") refuse("{} has RoPE scaling {}, expected none", metadata.source(), scaling);
    return;
  }
  for (const NeutralKey& neutral : kNeutralKeys) {
    if (name != neutral.name) continue;
    if (const double value = metadata.real(key); value != neutral.value)
      refuse("{} has {} {}, expected {}", metadata.source(), key, value, neutral.value);
    return;
  }
  refuse("{} has the key {}, for which the format has no field", metadata.source(), key);
}

// What `quandex.*` keys say beyond GGUF's own changes the model, but for those of the tokenizer and the prompt
// templates, which files beside this one hold as far as their formats can.
bool is_of_model(std::string_view key) {
  return key.starts_with("quandex.") && !key.starts_with("quandex.template.") &&
         !key.starts_with("quandex.tokenizer.") && key != "quandex.eos_token_ids";
}

void check_keys(const Metadata& metadata) {
  if (const std::string& architecture = metadata.string("general.architecture"); architecture != "qwen3")
    refuse("{} has architecture {}, expected qwen3", metadata.source(), architecture);
  for (const auto& [key, value] : metadata.entries()) {
    if (key.starts_with(kPrefix)) check_architecture_key(metadata, key);
    if (is_of_model(key)) refuse("{} has the key {}, for which the format has no field", metadata.source(), key);
  }
  const auto require = [&](const char* key, double otherwise, float expected) {
    const double value = metadata.real(key, otherwise);
    if (static_cast<float>(value) != expected)
      refuse("{} has {} {}, expected {}: the format fixes it", metadata.source(), key, value, expected);
  };
  require("qwen3.rope.freq_base", 10000, kQwen3cRopeBase);
  require("qwen3.attention.layer_norm_rms_epsilon", 0, kQwen3cNormEps);
}

int checked_int(const Metadata& metadata, const char* key) {
  const int64_t value = metadata.integer(key);
  if (value < 1 || value > INT32_MAX)
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected 1 to 2^31 - 1", metadata.source(), key, value);
  return static_cast<int>(value);
}

int read_head_dim(const Metadata& metadata, const Qwen3cHeader& header) {
  const int64_t otherwise = header.dim / header.n_heads;
  const int64_t head_dim = metadata.integer("qwen3.attention.key_length", otherwise);
  if (head_dim < 1 || head_dim > INT32_MAX)
    throw Error(ErrorCode::invalid_file, "{}: heads have {} values", metadata.source(), head_dim);
  for (const char* const key : {"qwen3.attention.value_length", "qwen3.rope.dimension_count"}) {
    if (const int64_t value = metadata.integer(key, head_dim); value != head_dim)
      refuse("{} has {} {}, expected {} as attention.key_length", metadata.source(), key, value, head_dim);
  }
  const auto usual_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
  const auto scale = static_cast<float>(metadata.real("qwen3.attention.scale", static_cast<double>(usual_scale)));
  if (scale != usual_scale) refuse("{} has attention.scale {}, expected {}", metadata.source(), scale, usual_scale);
  return static_cast<int>(head_dim);
}

HostTensor require_tensor(const WeightSource& weights, const std::string& name) {
  auto tensor = weights.find(name);
  if (!tensor) throw Error(ErrorCode::invalid_file, "{}: tensor {} is missing", weights.description(), name);
  return *std::move(tensor);
}

// The exporter's rule, but that a source in this format keeps its own size.
int choose_group_size(const Qwen3cHeader& header, const HostTensor& embedding) {
  const int own = format_of(embedding.type).block_values;
  const int first = q8_f32_dtype(own) == embedding.type ? own : kUsualGroupSize;
  const std::array<std::pair<std::string_view, int>, 3> rows = {
      {{"dim", header.dim}, {"hidden_dim", header.ffn_dim}, {"n_heads * head_dim", header.n_heads * header.head_dim}}};
  for (int size = first; q8_f32_dtype(size); size /= 2) {
    if (std::ranges::all_of(rows, [&](const auto& row) { return row.second % size == 0; })) return size;
  }
  refuse(
      "rows of dim {}, hidden_dim {} and n_heads * head_dim {} have no common group size; supported: 16, 32, 64, 128",
      rows[0].second, rows[1].second, rows[2].second);
}

// Every tensor must be there in its shape, and none besides.
void check_tensors(const Qwen3cHeader& header, const WeightSource& weights) {
  std::set<std::string, std::less<>> expected;
  for (const Qwen3cTensor& tensor : qwen3c_tensors(header)) {
    const HostTensor found = require_tensor(weights, tensor.name);
    if (found.shape != tensor.shape || found.type == DType::i32 || !holds_rows(found, found.rows())) {
      throw Error(ErrorCode::invalid_file, "{}: tensor {} is {} [{}], expected weights [{}]", weights.description(),
                  tensor.name, format_of(found.type).name, fmt::join(found.shape, ", "), fmt::join(tensor.shape, ", "));
    }
    expected.insert(tensor.name);
  }
  for (const std::string& name : weights.names())
    if (!expected.contains(name))
      refuse("{} has the tensor {}, for which the format has no place", weights.description(), name);
}

void require_finite(std::span<const float> row, const Qwen3cTensor& tensor, int64_t index) {
  for (const float value : row) {
    if (!std::isfinite(value))
      throw Error(ErrorCode::invalid_file, "tensor {} holds {} in row {}, expected finite numbers", tensor.name, value,
                  index);
  }
}

class Writer {
 public:
  Writer(const std::filesystem::path& path, const Qwen3cHeader& header, const WeightSource& weights,
         const Qwen3cProgress& progress)
      : header_(header), weights_(weights), progress_(progress), type_(*q8_f32_dtype(header.group_size)), file_(path) {}

  void write() {
    write_header();
    const std::vector<Qwen3cTensor> tensors = qwen3c_tensors(header_);
    step_.total_bytes = qwen3c_file_bytes(header_);
    step_.count = static_cast<int>(std::ranges::count_if(tensors, &Qwen3cTensor::is_quantized));
    for (const Qwen3cTensor& tensor : tensors) {
      const HostTensor source = require_tensor(weights_, tensor.name);
      if (tensor.is_quantized())
        write_matrix(tensor, source);
      else
        write_vector(tensor, source);
      weights_.release(tensor.name);
    }
    file_.finish();
  }

 private:
  void write_header() {
    const std::array<int32_t, 12> fields = {std::bit_cast<int32_t>(kQwen3cMagic),
                                            kQwen3cVersion,
                                            header_.dim,
                                            header_.ffn_dim,
                                            header_.n_layers,
                                            header_.n_heads,
                                            header_.n_kv_heads,
                                            header_.vocab,
                                            header_.n_ctx_train,
                                            header_.head_dim,
                                            header_.tied_head ? 1 : 0,
                                            header_.group_size};
    std::array<std::byte, kQwen3cHeaderBytes> bytes{};
    std::memcpy(bytes.data(), fields.data(), sizeof(fields));
    file_.write(bytes);
    step_.done_bytes = bytes.size();
  }

  void write_vector(const Qwen3cTensor& tensor, const HostTensor& source) {
    std::vector<float> values(tensor.n_values);
    decode_row(source, 0, values);
    require_finite(values, tensor, 0);
    file_.write(std::as_bytes(std::span(values)));
    step_.done_bytes += values.size() * sizeof(float);
  }

  // Codes go to the file as they are made, scales when all codes are there.
  void write_matrix(const Qwen3cTensor& tensor, const HostTensor& source) {
    step_.name = tensor.name;
    step_.rows = tensor.shape[0];
    step_.cols = tensor.shape[1];
    step_.max_error = 0;
    std::vector<float> row(static_cast<size_t>(step_.cols)), back(row.size());
    std::vector<std::byte> blocks(row_bytes(type_, step_.cols));
    std::array<std::vector<std::byte>, 3> planes;
    for (int64_t r = 0; r < step_.rows; ++r) {
      decode_row(source, r, row);
      require_finite(row, tensor, r);
      if (source.type == type_) {
        copy_row(source, r, blocks);
      } else {
        encode_row(type_, row, blocks);
        decode_row(type_, blocks, back);
        for (size_t i = 0; i < row.size(); ++i)
          step_.max_error = std::max(step_.max_error, std::fabs(row[i] - back[i]));
      }
      append_to_planes(type_, blocks, planes);
      file_.write(planes[0]);
      planes[0].clear();
    }
    file_.write(planes[1]);
    step_.done_bytes += tensor.n_values + planes[1].size();
    ++step_.index;
    if (progress_) progress_(step_);
  }

  const Qwen3cHeader& header_;
  const WeightSource& weights_;
  const Qwen3cProgress& progress_;
  const DType type_;
  AtomicFile file_;
  Qwen3cStep step_;
};

}  // namespace

Qwen3cHeader plan_qwen3c(const Metadata& metadata, const WeightSource& weights) {
  check_keys(metadata);
  const HostTensor embedding = require_tensor(weights, "token_embd.weight");
  Qwen3cHeader header;
  header.dim = checked_int(metadata, "qwen3.embedding_length");
  header.ffn_dim = checked_int(metadata, "qwen3.feed_forward_length");
  header.n_layers = checked_int(metadata, "qwen3.block_count");
  header.n_heads = checked_int(metadata, "qwen3.attention.head_count");
  header.n_kv_heads = metadata.has("qwen3.attention.head_count_kv")
                          ? checked_int(metadata, "qwen3.attention.head_count_kv")
                          : header.n_heads;
  header.vocab = static_cast<int>(std::min<int64_t>(embedding.rows(), INT32_MAX));
  header.n_ctx_train = checked_int(metadata, "qwen3.context_length");
  header.head_dim = read_head_dim(metadata, header);
  header.tied_head = !weights.find("output.weight");
  header.group_size = 1;  // any size, so that the limits are checked before anything is computed from the numbers
  check_qwen3c_header(header, metadata.source(), ErrorCode::unsupported);
  header.group_size = choose_group_size(header, embedding);
  check_tensors(header, weights);
  return header;
}

Qwen3cHeader write_qwen3c(const std::filesystem::path& path, const Metadata& metadata, const WeightSource& weights,
                          const Qwen3cProgress& progress) {
  const Qwen3cHeader header = plan_qwen3c(metadata, weights);
  Writer(path, header, weights, progress).write();
  return header;
}

}  // namespace quandex
