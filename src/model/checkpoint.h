// A model as it lies on disk, whatever its kind of file: opened by content, described in GGUF's vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "format/gguf.h"
#include "format/metadata.h"
#include "format/weight_source.h"
#include "model/config.h"
#include "model/hf_config.h"

namespace quandex {

enum class FileFamily : uint8_t { gguf, safetensors, mlx, qwen3c, llama2c };
std::string_view file_family_name(FileFamily family);  // as users know it: "GGUF", "safetensors", "MLX", …

class Checkpoint {
 public:
  // A GGUF file (any part of a split one), a .safetensors file or index, a folder that holds config.json, a qwen3.c or
  // llama2.c .bin. Throws Error{not_found}, Error{invalid_file}, or Error{unsupported} naming what it is instead.
  explicit Checkpoint(const std::filesystem::path& path);
  Checkpoint(Checkpoint&&) noexcept;
  ~Checkpoint();

  FileFamily family() const { return family_; }
  const std::filesystem::path& path() const { return path_; }      // as given
  const std::filesystem::path& folder() const { return folder_; }  // where its other files are
  uint64_t size_bytes() const { return size_bytes_; }              // of the files with weights

  // Keys of GGUF, and quandex.* keys for what GGUF has none. Only GGUF files bring their tokenizer's keys along; the
  // others keep it in files of its own, whose keys are added here.
  const Metadata& metadata() const { return metadata_; }
  Metadata& metadata() { return metadata_; }
  const WeightSource& weights() const { return *weights_; }
  const GgufFile* gguf() const;  // null for other families

  // Throws as the free function read_config() does.
  ModelConfig read_config() const;
  // Every key of config.json, or of the GGUF metadata, with what became of it.
  std::vector<ConfigKey> config_keys() const;

 private:
  void open_file();
  void open_folder(const std::filesystem::path& weights);

  std::filesystem::path path_, folder_;
  FileFamily family_ = FileFamily::gguf;
  uint64_t size_bytes_ = 0;
  Metadata metadata_;
  std::unique_ptr<WeightSource> weights_;
  std::vector<ConfigKey> hf_keys_;
};

}  // namespace quandex
