// Reading a model's own keys ("llama.block_count") out of GGUF metadata: every value is checked where it is read, for a
// file's numbers size memory later on, and every key that is read is noted, so that none goes unnoticed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"

namespace quandex {

class Keys {
 public:
  Keys(const Metadata& metadata, std::string architecture)
      : metadata_(metadata), architecture_(std::move(architecture)) {}

  // Names are without the architecture ("block_count"), or whole where they begin with "quandex.": what GGUF has no
  // key for. Values outside [low, high] are an Error{invalid_file}. Per-layer arrays are read as one number where all
  // their elements agree.
  std::string key(std::string_view name) const;
  bool has(std::string_view name) const;
  int integer(std::string_view name, int64_t low, int64_t high) const;
  int integer(std::string_view name, int64_t low, int64_t high, int64_t otherwise) const;
  double real(std::string_view name, double low, double high) const;
  double real(std::string_view name, double low, double high, double otherwise) const;
  bool boolean(std::string_view name, bool otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  // Nothing where the key is absent or is no array.
  std::optional<std::vector<int>> integers(std::string_view name, int64_t low, int64_t high) const;

  const Metadata& metadata() const { return metadata_; }
  std::string_view source() const { return metadata_.source(); }
  const std::set<std::string, std::less<>>& read() const { return read_; }

 private:
  int checked(const std::string& key, int64_t value, int64_t low, int64_t high) const;
  int64_t uniform_integer(const std::string& key) const;
  const MetaArray& numbers(const std::string& key) const;  // an array of integers or booleans

  const Metadata& metadata_;
  std::string architecture_;
  mutable std::set<std::string, std::less<>> read_;  // keys asked for that were there
};

}  // namespace quandex
