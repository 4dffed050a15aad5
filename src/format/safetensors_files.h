// A checkpoint in safetensors: one file, or shards that an index or their names tie together, mapped and read in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file_map.h"
#include "format/safetensors.h"

namespace quandex {

// The files that a path stands for. A folder stands for model.safetensors, else for what
// model.safetensors.index.json names, else for its shards model-0000i-of-0000N.safetensors or its only file; files of
// macOS (`._*`) and, beside others, consolidated* and adapter* do not count. An index stands for what it names, one
// shard for all of them, any other file for itself.
struct SafetensorsPaths {
  std::filesystem::path index;               // empty where there is none
  std::vector<std::filesystem::path> files;  // empty where an index is to name them
};

// Throws Error{not_found}, Error{io}, Error{invalid_file} for incomplete or ambiguous folders and Error{unsupported}
// for a folder of pickles only.
SafetensorsPaths find_safetensors(const std::filesystem::path& path);

class SafetensorsFiles {
 public:
  // Opens all files that `path` stands for and checks them, against each other and against the index.
  explicit SafetensorsFiles(const std::filesystem::path& path);

  std::span<const SafetensorsTensor> tensors() const { return tensors_; }  // file by file, in the order of the headers
  const SafetensorsTensor* find(std::string_view name) const;              // null where there is none
  // The tensor's bytes have been copied elsewhere: its resident pages may go.
  void release(std::string_view name) const;

  std::string_view description() const { return description_; }  // the path, for messages
  std::span<const std::filesystem::path> files() const { return paths_; }
  uint64_t size_bytes() const;  // of all files
  // "__metadata__" of all files; where two set a key differently, the first holds.
  const SafetensorsMetadata& metadata() const { return metadata_; }

 private:
  void open_file(const std::filesystem::path& path);
  void check_index(const std::filesystem::path& path, const SafetensorsIndex& index) const;

  std::string description_;
  std::vector<std::filesystem::path> paths_;
  std::vector<MappedFile> maps_;  // of paths_
  std::vector<SafetensorsTensor> tensors_;
  std::unordered_map<std::string, size_t> places_;  // in tensors_, by name
  SafetensorsMetadata metadata_;
};

}  // namespace quandex
