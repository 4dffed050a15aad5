// GGUF files, versions 2 and 3, little-endian, mapped and read in place. Source of the layout: the GGUF specification
// of the ggml project. Every length in the file is checked against the bytes that are there before it is believed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file_map.h"
#include "format/metadata.h"
#include "format/weight_source.h"

namespace quandex {

struct GgufTensor {
  std::string name;
  int gguf_type = 0;           // as in the file; may be a type we only know by name
  std::vector<int64_t> shape;  // outermost first (the file stores the reverse)
  uint64_t offset = 0;         // from the start of the tensor data
  uint64_t size_bytes = 0;     // 0 for types whose block size is unknown to us
  size_t part = 0;             // which file of a split one, by its place in GgufFile::files()
};

// Everything but the tensor data.
struct GgufHeader {
  uint32_t version = 3;
  uint64_t alignment = 32;
  uint64_t data_offset = 0;  // of the tensor data, from the start of the file
  Metadata metadata;
  std::vector<GgufTensor> tensors;
};

// Parses and validates a whole file image: counts, lengths, UTF-8 keys, duplicate names, shapes, offsets, overlaps,
// tensors past the end. `name` is for messages. Throws Error{invalid_file} or Error{unsupported}.
GgufHeader parse_gguf(std::span<const std::byte> file, std::string name);

// A file, or all parts of a split one (gguf_split.h) whichever of them is named.
class GgufFile final : public WeightSource {
 public:
  explicit GgufFile(const std::filesystem::path& path);

  // Of a split file: the first part's, with the tensors of all parts and without the keys split.*.
  const GgufHeader& header() const { return header_; }
  const Metadata& metadata() const { return header_.metadata; }
  std::span<const std::filesystem::path> files() const { return files_; }
  uint64_t size_bytes() const;  // of all parts

  std::span<const std::string> names() const override { return names_; }
  std::optional<HostTensor> find(std::string_view name) const override;  // Error{unsupported} for a type by name only
  std::string_view description() const override { return path_; }
  void release(std::string_view name) const override;

 private:
  struct Part {
    MappedFile map;
    uint64_t data_offset;
  };
  GgufHeader open(const std::filesystem::path& path);  // adds to parts_
  GgufHeader open_split(const std::vector<std::filesystem::path>& files);
  std::span<const std::byte> bytes_of(const GgufTensor& tensor) const;

  std::string path_;
  std::vector<std::filesystem::path> files_;
  std::vector<Part> parts_;  // of files_
  GgufHeader header_;
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, size_t> index_;
};

// Writes a GGUF version 3 file in bounded memory: declare every tensor, then write each one's bytes in the order of
// declaration. The file appears under its name only when `finish` has succeeded (written to NAME.part, synced,
// renamed); an unfinished one is removed.
class GgufWriter {
 public:
  GgufWriter(std::filesystem::path path, Metadata metadata);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  void declare(std::string name, DType type, std::vector<int64_t> shape);  // shape outermost first
  // Appends to the current tensor; a tensor may be written in pieces. Throws Error{io} when the disk is full.
  void write(std::span<const std::byte> bytes);
  void finish();
  uint64_t total_bytes() const;  // of the finished file; after the last declare

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quandex
