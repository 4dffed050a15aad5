// The header of a safetensors file and the index of a sharded checkpoint, parsed from bytes. Source of the layout: the
// format description of the safetensors project. A file is
//   u64 n | n bytes of JSON {"NAME": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {}} | data
// with offsets counted from the start of the data, which the tensors fill without gap or overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quandex {

// What to do with a pickle of PyTorch, which can run code when it is read and so is refused.
inline constexpr std::string_view kPickleHint =
    "convert it with transformers' save_pretrained(FOLDER, safe_serialization=True)";

struct SafetensorsTensor {
  std::string name;
  std::string dtype;                 // as in the file, one of those that safetensors_type_bytes knows
  std::vector<int64_t> shape;        // outermost first; empty for a scalar; dimensions may be 0
  std::span<const std::byte> bytes;  // in the mapped file, at any address: nothing aligns them
  size_t file = 0;                   // which of several, see SafetensorsFiles::files()
  uint64_t offset = 0;               // of the bytes, from the start of that file
};

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

struct SafetensorsHeader {
  uint64_t data_offset = 0;                // from the start of the file
  std::vector<SafetensorsTensor> tensors;  // in the order of the header
  SafetensorsMetadata metadata;            // the strings of "__metadata__"
};

// Bytes of one value, or nothing for a type that is unknown or smaller than a byte (F4, F6_E2M3, F6_E3M2).
std::optional<int> safetensors_type_bytes(std::string_view dtype);

// Parses and checks a whole file image; the tensors' bytes are views into it. `name` is for messages. Throws
// Error{invalid_file}, or Error{unsupported} for types smaller than a byte.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, std::string_view name);

// What `NAME.safetensors.index.json` says: which tensor is in which shard.
struct SafetensorsIndex {
  struct Entry {
    std::string tensor;
    size_t shard;
  };
  std::vector<std::string> shards;  // file names in the index's folder, sorted
  std::vector<Entry> entries;       // each tensor once
};

// Throws Error{invalid_file}; a shard must be a plain file name that ends in ".safetensors".
SafetensorsIndex parse_safetensors_index(std::string_view text, std::string_view name);

}  // namespace quandex
