// Key-value metadata as GGUF defines it: ordered, typed, arrays kept as they lie in the file. Typed reads give the
// value or an Error that names the key, the type found and the type expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace quandex {

// Type ids of the GGUF specification.
enum class MetaType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view meta_type_name(MetaType type);

struct MetaArray {
  MetaType element = MetaType::u8;
  uint64_t count = 0;
  std::vector<std::byte> scalars;    // packed little-endian, for elements that are numbers or booleans
  std::vector<std::string> strings;  // for elements that are strings; arrays of arrays are refused

  // Any integer (or boolean) or float element as int64 / double. i < count.
  int64_t integer(size_t i) const;
  double real(size_t i) const;
};

struct MetaValue {
  MetaType type = MetaType::u8;
  std::variant<uint64_t, int64_t, double, bool, std::string, MetaArray> value;  // by kind: unsigned, signed, real, …
};

class Metadata {
 public:
  // Where the metadata came from, for messages ("model.gguf").
  explicit Metadata(std::string source = "metadata") : source_(std::move(source)) {}

  // Replaces an existing key in place; new keys go last.
  void set(std::string key, MetaValue value);
  void set_string(std::string key, std::string value);
  void set_u32(std::string key, uint32_t value);
  void set_f32(std::string key, float value);
  void set_bool(std::string key, bool value);
  void set_strings(std::string key, std::vector<std::string> values);
  void set_i32s(std::string key, std::span<const int32_t> values);
  void set_f32s(std::string key, std::span<const float> values);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const MetaValue* find(std::string_view key) const;
  std::span<const std::pair<std::string, MetaValue>> entries() const { return entries_; }
  std::string_view source() const { return source_; }

  // Without a fallback an absent key is an Error{invalid_file}; a key of another type always is.
  int64_t integer(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t otherwise) const;
  double real(std::string_view key) const;  // integers are accepted
  double real(std::string_view key, double otherwise) const;
  bool boolean(std::string_view key, bool otherwise) const;
  const std::string& string(std::string_view key) const;
  std::string string(std::string_view key, std::string_view otherwise) const;
  const MetaArray* array(std::string_view key) const;                   // null where absent; Error where not an array
  const std::vector<std::string>* strings(std::string_view key) const;  // null where absent; Error for other elements

 private:
  std::string source_;
  std::vector<std::pair<std::string, MetaValue>> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace quandex
