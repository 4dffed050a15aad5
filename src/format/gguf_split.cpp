#include "format/gguf_split.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "format/shard_name.h"

namespace quandex {
namespace {

constexpr const char* kNumberKey = "split.no";
constexpr const char* kCountKey = "split.count";
constexpr const char* kTensorsKey = "split.tensors.count";
constexpr std::array<std::string_view, 3> kKeys = {kNumberKey, kCountKey, kTensorsKey};

}  // namespace

std::optional<GgufSplit> gguf_split(const Metadata& metadata) {
  if (!metadata.has(kNumberKey) && !metadata.has(kCountKey)) return std::nullopt;
  constexpr int64_t kMaxCount = 99999;  // what a file name can say
  const int64_t number = metadata.integer(kNumberKey), count = metadata.integer(kCountKey);
  if (count < 1 || count > kMaxCount) {
    throw Error(ErrorCode::invalid_file, "{}: key {} is {}, expected 1 to {}", metadata.source(), kCountKey, count,
                kMaxCount);
  }
  if (number < 0 || number >= count) {
    throw Error(ErrorCode::invalid_file, "{}: key {} is {}, expected 0 to {} as {} is {}", metadata.source(),
                kNumberKey, number, count - 1, kCountKey, count);
  }
  GgufSplit split{static_cast<int>(number), static_cast<int>(count), std::nullopt};
  if (metadata.has(kTensorsKey)) split.n_tensors = metadata.integer(kTensorsKey);
  return split;
}

std::vector<std::filesystem::path> gguf_split_files(const std::filesystem::path& path, const GgufSplit& split) {
  if (split.count == 1) return {path};
  const auto name = parse_shard_name(path.filename().string());
  if (!name || name->number != split.number + 1 || name->count != split.count) {
    const ShardName expected{"NAME", split.number + 1, split.count, ".gguf"};
    throw Error(ErrorCode::invalid_file,
                "{}: is part {} of {} by its keys {} and {}, expected the name {}, by which the others are found",
                path.string(), split.number + 1, split.count, kNumberKey, kCountKey, expected.text());
  }
  std::vector<std::filesystem::path> files;
  int n_missing = 0;
  std::string first_missing;
  for (int number = 1; number <= split.count; ++number) {
    files.push_back(path.parent_path() / name->with_number(number).text());
    std::error_code error;
    if (std::filesystem::exists(files.back(), error)) continue;
    if (n_missing++ == 0) first_missing = files.back().string();
  }
  if (n_missing > 0) {
    throw Error(ErrorCode::not_found, "{}: {} of {} parts are missing, the first is {}", path.string(), n_missing,
                split.count, first_missing);
  }
  return files;
}

Metadata without_gguf_split(const Metadata& metadata) {
  Metadata whole{std::string(metadata.source())};
  for (const auto& [key, value] : metadata.entries()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) whole.set(key, value);
  }
  return whole;
}

}  // namespace quandex
