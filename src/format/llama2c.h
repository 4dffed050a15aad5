// Checkpoints of llama2.c (`.bin`, the version without a magic), little-endian f32, mapped and read in place:
//
//   header: seven i32: dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size (negative where the head is a matrix
//     of its own), seq_len
//   embedding; attention norms of all layers; then of all layers Q, K, V, output; FFN norms; of all layers gate, down,
//     up; final norm; two tables of seq_len * head_dim / 2 that nothing reads any more; the head unless it is shared
//
// The format fixes what it has no field for: architecture llama, RoPE base 1e4, epsilon 1e-5. Rows of Q and K are in
// the order of pairwise rotation, as in GGUF.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_map.h"
#include "format/metadata.h"
#include "format/tensor_list.h"
#include "format/weight_source.h"

namespace quandex {

inline constexpr uint64_t kLlama2cHeaderBytes = 28;

struct Llama2cHeader {
  int dim = 0, ffn_dim = 0, n_layers = 0, n_heads = 0, n_kv_heads = 0, vocab = 0, n_ctx_train = 0;
  bool tied_head = false;

  int head_dim() const { return dim / n_heads; }
};

// There is no magic: a file is of this format when its header is plausible and asks for exactly the bytes there are.
bool looks_like_llama2c(std::span<const std::byte> file);

// `name` is for messages. Throws Error{invalid_file}.
Llama2cHeader parse_llama2c_header(std::span<const std::byte> file, std::string_view name);

uint64_t llama2c_file_bytes(const Llama2cHeader& header);

class Llama2cFile final : public WeightSource {
 public:
  explicit Llama2cFile(const std::filesystem::path& path);

  const Llama2cHeader& header() const { return header_; }
  const Metadata& metadata() const { return metadata_; }  // of the model alone; the tokenizer is another file
  uint64_t size_bytes() const { return map_.bytes().size(); }

  std::span<const std::string> names() const override { return tensors_.names(); }
  std::optional<HostTensor> find(std::string_view name) const override { return tensors_.find(name); }
  std::string_view description() const override { return path_; }
  void release(std::string_view name) const override;

 private:
  void add_tensors();

  std::string path_;
  MappedFile map_;
  Llama2cHeader header_;
  Metadata metadata_;
  TensorList tensors_;
};

}  // namespace quandex
