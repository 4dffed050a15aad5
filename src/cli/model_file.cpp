#include "cli/model_file.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/file_map.h"
#include "base/log.h"
#include "text/hf_vocabulary.h"
#include "text/llama2c_vocabulary.h"
#include "text/qwen3c_vocabulary.h"

namespace quandex::cli {
namespace {

// Rows of the embedding: ids that the model has.
int vocabulary_size(const Checkpoint& checkpoint) {
  const auto embedding = checkpoint.weights().find("token_embd.weight");
  return embedding ? static_cast<int>(embedding->rows()) : 0;
}

void add_llama2c_vocabulary(Checkpoint& checkpoint, int n_vocab) {
  const auto path = find_llama2c_vocabulary(checkpoint.path(), n_vocab);
  if (!path)
    throw Error(ErrorCode::not_found, "{}: its tokenizer is missing; expected tok{}.bin or tokenizer.bin beside it",
                checkpoint.path().string(), n_vocab);
  read_llama2c_vocabulary(MappedFile(*path).bytes(), path->string(), n_vocab, checkpoint.metadata());
}

void add_qwen3c_vocabulary(Checkpoint& checkpoint, int n_vocab) {
  const std::filesystem::path path = qwen3c_vocabulary_path(checkpoint.path());
  read_qwen3c_vocabulary(MappedFile(path).bytes(), path.string(), n_vocab, checkpoint.metadata());
  read_qwen3c_templates(checkpoint.path(), checkpoint.metadata());
}

void add_vocabulary(Checkpoint& checkpoint) {
  const int n_vocab = vocabulary_size(checkpoint);
  switch (checkpoint.family()) {
    case FileFamily::gguf:
      return;  // its keys are there already
    case FileFamily::safetensors:
    case FileFamily::mlx:
      return add_hf_vocabulary(checkpoint.folder(), n_vocab, checkpoint.metadata());
    case FileFamily::qwen3c:
      return add_qwen3c_vocabulary(checkpoint, n_vocab);
    case FileFamily::llama2c:
      return add_llama2c_vocabulary(checkpoint, n_vocab);
  }
}

bool has_weights(const std::filesystem::path& folder) {
  return std::ranges::any_of(std::filesystem::directory_iterator(folder), [](const auto& entry) {
    return entry.path().extension() == ".safetensors" || entry.path().extension() == ".gguf";
  });
}

// The folder of a tokenizer that stands alone; empty where `path` is none.
std::filesystem::path tokenizer_folder(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::is_regular_file(path) && path.filename() == "tokenizer.json") return path.parent_path() / ".";
  const bool has_tokenizer =
      fs::is_regular_file(path / "tokenizer.json") || fs::is_regular_file(path / "tokenizer.model");
  return fs::is_directory(path) && has_tokenizer && !has_weights(path) ? path : fs::path();
}

}  // namespace

DType main_type(const WeightSource& weights) {
  std::array<uint64_t, kDTypeCount> bytes{};
  for (const std::string& name : weights.names())
    if (const auto tensor = weights.find(name); tensor && tensor->shape.size() > 1)
      bytes[static_cast<size_t>(tensor->type)] += tensor->size_bytes();
  return static_cast<DType>(std::max_element(bytes.begin(), bytes.end()) - bytes.begin());
}

Metadata open_tokenizer(const std::string& path) {
  const std::filesystem::path folder = tokenizer_folder(path);
  if (folder.empty()) return open_model(path, NeedsTokenizer::yes).metadata();
  Metadata metadata(path);
  add_hf_vocabulary(folder, 0, metadata);
  return metadata;
}

Checkpoint open_model(const std::string& path, NeedsTokenizer needs) {
  Checkpoint checkpoint(path);
  if (needs == NeedsTokenizer::yes) {
    add_vocabulary(checkpoint);
    return checkpoint;
  }
  const Metadata without = checkpoint.metadata();
  try {
    add_vocabulary(checkpoint);
  } catch (const Error& error) {
    checkpoint.metadata() = without;
    LOG(warn, "load", "without a tokenizer: {}", error.what());
  }
  return checkpoint;
}

}  // namespace quandex::cli
