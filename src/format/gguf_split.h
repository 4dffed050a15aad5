// GGUF files that are one of several, NAME-00001-of-0000N.gguf: each says its place in keys split.no (from zero),
// split.count and split.tensors.count (of all parts); the first holds the metadata, and the parts share the tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "format/metadata.h"

namespace quandex {

struct GgufSplit {
  int number = 0;  // from 0
  int count = 1;
  std::optional<int64_t> n_tensors;  // in all parts
};

// Nothing where the keys are absent. Throws Error{invalid_file} where they contradict each other.
std::optional<GgufSplit> gguf_split(const Metadata& metadata);

// The files of all parts in order, found by the name of one. Throws Error{invalid_file} where the name contradicts the
// keys and Error{not_found} where a part is missing.
std::vector<std::filesystem::path> gguf_split_files(const std::filesystem::path& path, const GgufSplit& split);

// The metadata of the whole: without the keys that say how it was split.
Metadata without_gguf_split(const Metadata& metadata);

}  // namespace quandex
