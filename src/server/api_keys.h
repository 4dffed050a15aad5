// Who may use the server: keys that clients send as `Authorization: Bearer KEY`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::server {

class ApiKeys {
 public:
  // No keys: everybody may.
  explicit ApiKeys(std::vector<std::string> keys = {}) : keys_(std::move(keys)) {}

  bool is_open() const { return keys_.empty(); }

  // The number of the key in the header's value, or nothing. Takes as long for a wrong key as for a right one.
  std::optional<size_t> find(std::optional<std::string_view> authorization) const;

  // One key a line; empty lines and lines that begin with # are left out. Throws Error naming the file and line.
  static std::vector<std::string> read_file(const std::string& path);

  // Throws Error{invalid_argument} for what no header could carry; `source` is for messages, the key is not shown.
  static void check(std::string_view key, std::string_view source);

 private:
  std::vector<std::string> keys_;
};

// Whether two texts are the same; the time depends on the lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace quandex::server
