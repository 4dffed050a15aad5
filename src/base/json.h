// JSON text from files, parsed strictly (RFC 8259): one value, UTF-8, no duplicate keys, no NaN or Infinity, bounded in
// size and depth. Objects keep the order of the file, and a lookup by key walks all keys before it: to use most of a
// large object, iterate. Code that looks inside a value includes <nlohmann/json.hpp>.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace quandex {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  int max_depth = 64;                    // of arrays and objects within each other
  size_t max_bytes = size_t{256} << 20;  // of text: several times the largest tokenizer.json
};

// `source` is for messages. Throws Error{invalid_file} "SOURCE: line L column C: found X, expected Y"; columns count
// characters.
Json parse_json(std::string_view text, std::string_view source, const JsonLimits& limits = {});

// Throws Error{not_found} or Error{io} where the file cannot be read. An empty file is invalid.
Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace quandex
