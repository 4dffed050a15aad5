#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/shown.h"
#include "format/gguf.h"
#include "format/gguf_split.h"
#include "format/gguf_types.h"

namespace quandex {

GgufFile::GgufFile(const std::filesystem::path& path) : path_(path.string()) {
  header_ = open(path);
  files_ = {path};
  if (const auto split = gguf_split(header_.metadata)) {
    files_ = gguf_split_files(path, *split);
    if (split->count > 1) {
      parts_.clear();
      header_ = open_split(files_);
    }
    const auto n_tensors = static_cast<int64_t>(header_.tensors.size());
    if (split->n_tensors.value_or(n_tensors) != n_tensors) {
      throw Error(ErrorCode::invalid_file, "{}: key split.tensors.count is {}, found {} tensors in {} parts", path_,
                  *split->n_tensors, n_tensors, split->count);
    }
    header_.metadata = without_gguf_split(header_.metadata);
  }
  names_.reserve(header_.tensors.size());
  for (const GgufTensor& tensor : header_.tensors) names_.push_back(tensor.name);
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto [place, is_new] = index_.emplace(names_[i], i);
    if (is_new) continue;  // within a part the parser has seen to it
    throw Error(ErrorCode::invalid_file, "{}: tensor {} is in parts {} and {}", path_, shown(names_[i]),
                header_.tensors[place->second].part + 1, header_.tensors[i].part + 1);
  }
}

GgufHeader GgufFile::open(const std::filesystem::path& path) {
  MappedFile map(path);
  GgufHeader header = parse_gguf(map.bytes(), path.string());
  parts_.push_back({std::move(map), header.data_offset});
  return header;
}

GgufHeader GgufFile::open_split(const std::vector<std::filesystem::path>& files) {
  GgufHeader whole;
  for (size_t part = 0; part < files.size(); ++part) {
    GgufHeader header = open(files[part]);
    const auto split = gguf_split(header.metadata);
    if (!split || split->number != static_cast<int>(part) || split->count != static_cast<int>(files.size())) {
      const std::string found =
          split ? fmt::format("part {} of {}", split->number + 1, split->count) : "no part of a split file";
      throw Error(ErrorCode::invalid_file, "{}: is {} by its keys, expected part {} of {}", files[part].string(), found,
                  part + 1, files.size());
    }
    for (GgufTensor& tensor : header.tensors) tensor.part = part;
    if (part == 0) {
      whole = std::move(header);
    } else {
      std::move(header.tensors.begin(), header.tensors.end(), std::back_inserter(whole.tensors));
    }
  }
  return whole;
}

uint64_t GgufFile::size_bytes() const {
  uint64_t total = 0;
  for (const Part& part : parts_) total += part.map.bytes().size();
  return total;
}

std::span<const std::byte> GgufFile::bytes_of(const GgufTensor& tensor) const {
  const Part& part = parts_[tensor.part];
  return part.map.bytes().subspan(part.data_offset + tensor.offset, tensor.size_bytes);
}

std::optional<HostTensor> GgufFile::find(std::string_view name) const {
  const auto place = index_.find(name);
  if (place == index_.end()) return std::nullopt;
  const GgufTensor& tensor = header_.tensors[place->second];
  const auto type = dtype_from_gguf(tensor.gguf_type);
  if (!type) {
    const GgufType* const known = find_gguf_type(static_cast<uint32_t>(tensor.gguf_type));
    CHECK(known != nullptr);  // parse_gguf refuses other ids
    throw Error(ErrorCode::unsupported,
                "{}: tensor {} has type {}, which is not supported; the nearest supported is {}", path_, shown(name),
                known->name, known->nearest);
  }
  HostTensor found;
  found.type = *type;
  found.shape = tensor.shape;
  found.planes[0] = bytes_of(tensor);
  return found;
}

void GgufFile::release(std::string_view name) const {
  const auto place = index_.find(name);
  if (place == index_.end()) return;
  const GgufTensor& tensor = header_.tensors[place->second];
  if (tensor.size_bytes > 0) parts_[tensor.part].map.release(bytes_of(tensor));
}

}  // namespace quandex
