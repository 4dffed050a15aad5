#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/shown.h"
#include "format/safetensors_files.h"
#include "format/shard_name.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".safetensors";
constexpr std::string_view kIndexExtension = ".safetensors.index.json";
constexpr std::string_view kModel = "model.safetensors";
constexpr std::string_view kModelIndex = "model.safetensors.index.json";

// Sorted names of what a folder holds, links that lead nowhere included: opening those says more than passing them by.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with("._")) names.push_back(std::move(name));
  }
  if (error) throw Error(ErrorCode::io, "{}: cannot list: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name);
}

// All shards of the checkpoint that `shard` belongs to.
std::vector<fs::path> complete_set(const fs::path& folder, const ShardName& shard,
                                   const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  int n_missing = 0;
  std::string first_missing;
  for (int number = 1; number <= shard.count; ++number) {
    const std::string name = shard.with_number(number).text();
    if (holds(names, name)) {
      files.push_back(folder / name);
    } else if (n_missing++ == 0) {
      first_missing = name;
    }
  }
  if (n_missing > 0) {
    throw Error(ErrorCode::not_found, "{}: {} of {} shards are missing, the first is {}", folder.string(), n_missing,
                shard.count, shown(first_missing));
  }
  return files;
}

[[noreturn]] void refuse_folder_without(const fs::path& folder, const std::vector<std::string>& names) {
  const auto is_pickle = [](const std::string& name) {
    return (name.starts_with("pytorch_model") && name.ends_with(".bin")) || name.ends_with(".pth") ||
           name.ends_with(".pt");
  };
  const auto pickle = std::find_if(names.begin(), names.end(), is_pickle);
  if (pickle != names.end()) {
    throw Error(ErrorCode::unsupported, "{}: has {} and no .safetensors file; pickles of PyTorch are not read: {}",
                folder.string(), shown(*pickle), kPickleHint);
  }
  throw Error(ErrorCode::not_found, "{}: has no .safetensors file, expected {} or {}", folder.string(), kModel,
              kModelIndex);
}

// The .safetensors files that can be the model: those named model* where there are any, as other programs have it;
// consolidated* (the same weights under other names) and adapter* only where nothing else is there.
std::vector<std::string> candidates(const std::vector<std::string>& names) {
  std::vector<std::string> all, preferred, models;
  for (const std::string& name : names) {
    if (!name.ends_with(kExtension)) continue;
    all.push_back(name);
    if (name.starts_with("consolidated") || name.starts_with("adapter")) continue;
    preferred.push_back(name);
    if (name.starts_with("model")) models.push_back(name);
  }
  if (!models.empty()) return models;
  return preferred.empty() ? all : preferred;
}

std::vector<fs::path> files_of_folder(const fs::path& folder, const std::vector<std::string>& names) {
  const std::vector<std::string> found = candidates(names);
  if (found.empty()) refuse_folder_without(folder, names);
  const auto first = parse_shard_name(found[0]);
  if (!first) {
    if (found.size() == 1) return {folder / found[0]};
  } else {
    const auto is_of_set = [&](const std::string& name) {
      const auto shard = parse_shard_name(name);
      return shard && shard->with_number(1).text() == first->with_number(1).text();
    };
    if (std::all_of(found.begin(), found.end(), is_of_set)) return complete_set(folder, *first, names);
  }
  throw Error(ErrorCode::invalid_file,
              "{}: has {} .safetensors files that do not belong together (such as {} and {}), expected {}, {} or the "
              "shards of one model",
              folder.string(), found.size(), shown(found.front()), shown(found.back()), kModel, kModelIndex);
}

}  // namespace

SafetensorsPaths find_safetensors(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const auto names = names_in(path);
    if (holds(names, kModel)) return {{}, {path / kModel}};
    if (holds(names, kModelIndex)) return {path / kModelIndex, {}};
    return {{}, files_of_folder(path, names)};
  }
  const std::string name = path.filename().string();
  if (name.ends_with(kIndexExtension)) return {path, {}};
  const auto shard = parse_shard_name(name);
  if (!shard || shard->extension != kExtension || !fs::exists(path, error)) return {{}, {path}};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const auto names = names_in(folder);
  const std::string index = shard->stem + std::string(kIndexExtension);
  if (holds(names, index)) return {folder / index, {}};
  return {{}, complete_set(folder, *shard, names)};
}

}  // namespace quandex
