#include "format/safetensors_files.h"

#include <unordered_set>

#include "base/error.h"
#include "base/shown.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

SafetensorsIndex read_index(const fs::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_safetensors_index({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace

SafetensorsFiles::SafetensorsFiles(const fs::path& path) : description_(path.string()) {
  const SafetensorsPaths found = find_safetensors(path);
  if (found.index.empty()) {
    for (const fs::path& file : found.files) open_file(file);
    return;
  }
  const SafetensorsIndex index = read_index(found.index);
  for (const std::string& shard : index.shards) open_file(found.index.parent_path() / shard);
  check_index(found.index, index);
}

void SafetensorsFiles::open_file(const fs::path& path) {
  MappedFile map(path);
  SafetensorsHeader header = parse_safetensors_header(map.bytes(), path.string());
  const size_t file = paths_.size();
  for (SafetensorsTensor& tensor : header.tensors) {
    tensor.file = file;
    const auto [place, is_new] = places_.emplace(tensor.name, tensors_.size());
    if (!is_new) {
      throw Error(ErrorCode::invalid_file, "{}: tensor {} is in {} and in {}", description_, shown(tensor.name),
                  paths_[tensors_[place->second].file].filename().string(), path.filename().string());
    }
    tensors_.push_back(std::move(tensor));
  }
  std::unordered_set<std::string> known;
  for (const auto& [key, value] : metadata_) known.insert(key);
  for (auto& entry : header.metadata) {
    if (known.insert(entry.first).second) metadata_.push_back(std::move(entry));
  }
  paths_.push_back(path);
  maps_.push_back(std::move(map));
}

// The index and the shards must name the same tensors. The shards' own headers are where the bytes are; a difference
// says that files of two checkpoints have been mixed.
void SafetensorsFiles::check_index(const fs::path& path, const SafetensorsIndex& index) const {
  std::unordered_set<std::string_view> indexed;
  for (const auto& [name, shard] : index.entries) {
    const SafetensorsTensor* const tensor = find(name);
    if (!tensor || tensor->file != shard) {
      throw Error(ErrorCode::invalid_file, "{}: weight_map puts tensor {} into {}, which does not hold it",
                  path.string(), shown(name), shown(index.shards[shard]));
    }
    indexed.insert(name);
  }
  for (const SafetensorsTensor& tensor : tensors_) {
    if (indexed.contains(tensor.name)) continue;
    throw Error(ErrorCode::invalid_file, "{}: {} holds tensor {}, which weight_map does not name", path.string(),
                paths_[tensor.file].filename().string(), shown(tensor.name));
  }
}

const SafetensorsTensor* SafetensorsFiles::find(std::string_view name) const {
  const auto place = places_.find(std::string(name));
  return place == places_.end() ? nullptr : &tensors_[place->second];
}

void SafetensorsFiles::release(std::string_view name) const {
  const SafetensorsTensor* const tensor = find(name);
  if (tensor && !tensor->bytes.empty()) maps_[tensor->file].release(tensor->bytes);
}

uint64_t SafetensorsFiles::size_bytes() const {
  uint64_t total = 0;
  for (const MappedFile& map : maps_) total += map.bytes().size();
  return total;
}

}  // namespace quandex
