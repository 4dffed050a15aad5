#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/shown.h"
#include "format/safetensors.h"

namespace quandex {
namespace {

// Only files of the index's own folder: an index is not to reach others.
bool is_plain_file_name(std::string_view name) {
  constexpr std::string_view kExtension = ".safetensors";
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
  return name.size() > kExtension.size() && name.ends_with(kExtension) && !name.starts_with('.') &&
         name.find_first_of("/\\:") == std::string_view::npos && std::none_of(name.begin(), name.end(), is_control);
}

}  // namespace

SafetensorsIndex parse_safetensors_index(std::string_view text, std::string_view name) {
  const auto refuse = [&](const std::string& message) {
    throw Error(ErrorCode::invalid_file, "{}: {}", name, message);
  };
  const Json json = parse_json(text, name);
  if (!json.is_object()) refuse(fmt::format("found {}, expected an object", json.type_name()));
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) refuse("has no weight_map, expected an object of tensors and shards");
  const auto& members = map->get_ref<const Json::object_t&>();
  SafetensorsIndex index;
  for (const auto& [tensor, shard] : members) {
    if (tensor.empty()) refuse("weight_map has a tensor with an empty name");
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      refuse(fmt::format("weight_map puts tensor {} into {}, expected the name of a .safetensors file in this folder",
                         shown(tensor), shown(shard.dump())));
    }
    index.shards.push_back(shard.get_ref<const std::string&>());
  }
  std::sort(index.shards.begin(), index.shards.end());
  index.shards.erase(std::unique(index.shards.begin(), index.shards.end()), index.shards.end());
  if (index.shards.empty()) refuse("weight_map is empty, expected tensors");
  index.entries.reserve(members.size());
  for (const auto& [tensor, shard] : members) {
    const auto place = std::lower_bound(index.shards.begin(), index.shards.end(), shard.get_ref<const std::string&>());
    index.entries.push_back({tensor, static_cast<size_t>(place - index.shards.begin())});
  }
  return index;
}

}  // namespace quandex
