// Checkpoints of qwen3.c (`.bin`, version 1), little-endian, mapped and read in place:
//
//   header, 256 bytes: u32 magic, i32 version, then ten i32: dim, hidden_dim, n_layers, n_heads, n_kv_heads,
//   vocab_size,
//     max_seq_len, head_dim, shared_classifier, group_size; zeros
//   f32 vectors: attention norms of all layers, FFN norms, final norm, q norms, k norms
//   quantized matrices: embedding; then of all layers Q, K, V, output, gate, down, up; then the head unless it is
//   shared
//
// A quantized matrix is all its int8 codes, row by row, then one f32 scale for each group_size codes. Nothing is
// aligned and nothing lies between. The format fixes what it has no field for: architecture qwen3, RoPE base 1e6,
// epsilon 1e-6.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_map.h"
#include "format/metadata.h"
#include "format/tensor_list.h"
#include "format/weight_source.h"

namespace quandex {

inline constexpr uint32_t kQwen3cMagic = 0x616A6331;
inline constexpr int32_t kQwen3cVersion = 1;
inline constexpr uint64_t kQwen3cHeaderBytes = 256;
inline constexpr float kQwen3cRopeBase = 1e6f;
inline constexpr float kQwen3cNormEps = 1e-6f;

struct Qwen3cHeader {
  int dim = 0, ffn_dim = 0, n_layers = 0, n_heads = 0, n_kv_heads = 0, vocab = 0, n_ctx_train = 0, head_dim = 0;
  bool tied_head = false;
  int group_size = 0;
};

// One tensor of the file, under its GGUF name. Vectors are f32; matrices are codes and, behind them, scales.
struct Qwen3cTensor {
  std::string name;
  std::vector<int64_t> shape;
  uint64_t offset = 0;  // of its first byte in the file
  uint64_t n_values = 0;

  bool is_quantized() const { return shape.size() == 2; }
};

bool looks_like_qwen3c(std::span<const std::byte> file);  // by the magic alone

// Checks every field and that the file has exactly the bytes that they ask for. `name` is for messages. Throws
// Error{invalid_file} or Error{unsupported}.
Qwen3cHeader parse_qwen3c_header(std::span<const std::byte> file, std::string_view name);

// The tensors in the order of the file, and the size of the whole, for a header within the limits of the format.
std::vector<Qwen3cTensor> qwen3c_tensors(const Qwen3cHeader& header);
uint64_t qwen3c_file_bytes(const Qwen3cHeader& header);

// Throws Error{code} where a field leaves the limits, the heads cannot share, or a group does not divide a row. The
// reader and the writer hold a header to the same rules.
void check_qwen3c_header(const Qwen3cHeader& header, std::string_view name, ErrorCode code);

class Qwen3cFile final : public WeightSource {
 public:
  explicit Qwen3cFile(const std::filesystem::path& path);

  const Qwen3cHeader& header() const { return header_; }
  const Metadata& metadata() const { return metadata_; }  // of the model alone; the tokenizer is another file
  uint64_t size_bytes() const { return map_.bytes().size(); }

  std::span<const std::string> names() const override { return tensors_.names(); }
  std::optional<HostTensor> find(std::string_view name) const override { return tensors_.find(name); }
  std::string_view description() const override { return path_; }
  void release(std::string_view name) const override;

 private:
  std::string path_;
  MappedFile map_;
  Qwen3cHeader header_;
  Metadata metadata_;
  TensorList tensors_;
};

// The header that a model has in this format. Throws Error{unsupported}, naming what the format has no place for: other
// architectures, RoPE bases and epsilons, scaled RoPE, windows, biases, experts, rows that no group size divides.
Qwen3cHeader plan_qwen3c(const Metadata& metadata, const WeightSource& weights);

struct Qwen3cStep {
  int index = 0, count = 0;  // of the quantized tensors; index counts from 1
  std::string_view name;
  int64_t rows = 0, cols = 0;
  float max_error = 0;  // |value in the source - value in the file|
  uint64_t done_bytes = 0, total_bytes = 0;
};
using Qwen3cProgress = std::function<void(const Qwen3cStep&)>;  // called when a quantized tensor is written

// Writes a checkpoint in memory bounded by the scales of one tensor; the file appears only when it is whole. Tensors of
// any format are decoded and quantized as qwen3.c's exporter does it, but those that have its format and group size
// already, which are copied. The vocabulary is another file (text/qwen3c_vocabulary.h).
Qwen3cHeader write_qwen3c(const std::filesystem::path& path, const Metadata& metadata, const WeightSource& weights,
                          const Qwen3cProgress& progress = {});

struct Qwen3cComparison {
  std::string name;
  int64_t rows = 0, cols = 0;
  int64_t n_compared = 0;  // rows looked at, first and last among them
  float max_error = 0;
};
// Opens a written checkpoint again and compares it with what it was made of: vectors must be equal, values of matrices
// within half a step of their group. Throws Error{invalid_file} where they are not.
std::vector<Qwen3cComparison> verify_qwen3c(const std::filesystem::path& path, const WeightSource& weights);

}  // namespace quandex
