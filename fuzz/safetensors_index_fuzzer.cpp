// Arbitrary bytes as an index of shards: an Error or tensors that are each in one shard of the index's own folder.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "format/safetensors.h"

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

void check(const quandex::SafetensorsIndex& index) {
  require(std::is_sorted(index.shards.begin(), index.shards.end()));
  for (const std::string& shard : index.shards) {
    require(std::filesystem::path(shard).filename() == shard && shard.ends_with(".safetensors"));
    require(shard.find('\0') == std::string::npos);
  }
  std::unordered_set<std::string_view> tensors;
  std::unordered_set<size_t> used;
  for (const auto& [tensor, shard] : index.entries) {
    require(shard < index.shards.size() && tensors.insert(tensor).second);
    used.insert(shard);
  }
  require(!index.entries.empty() && used.size() == index.shards.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    check(quandex::parse_safetensors_index({reinterpret_cast<const char*>(data), size}, "fuzz"));
  } catch (const quandex::Error& error) {
    require(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
