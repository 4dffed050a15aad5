// A value inside a JSON file together with its place, so that whatever is wrong with it can be said in one sentence:
// "FILE: model.dropout is 0.1, expected 0". Absent and null are the same.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace quandex {

class JsonField {
 public:
  // The file's whole value. Value and source must outlive the field.
  JsonField(const Json& value, std::string_view source) : value_(&value), source_(source) {}

  // A member of an object, an element of an array.
  JsonField operator[](std::string_view key) const;
  JsonField operator[](size_t i) const;

  bool is_absent() const { return value_ == nullptr || value_->is_null(); }
  bool is_string() const { return !is_absent() && value_->is_string(); }
  bool is_array() const { return !is_absent() && value_->is_array(); }
  bool is_object() const { return !is_absent() && value_->is_object(); }

  // Throw where the value is of another type, or absent.
  const std::string& string() const;
  const Json::array_t& array() const;
  const Json::object_t& object() const;
  int64_t integer() const;
  // The same, but for absent values.
  std::string string_or(std::string_view otherwise) const;
  bool boolean_or(bool otherwise) const;
  double real_or(double otherwise) const;
  std::optional<int64_t> optional_integer() const;
  size_t size() const { return is_absent() ? 0 : array().size(); }

  [[noreturn]] void refuse(std::string_view expected, ErrorCode code = ErrorCode::invalid_file) const;
  [[noreturn]] void refuse_unsupported(std::string_view expected) const { refuse(expected, ErrorCode::unsupported); }

  std::string_view source() const { return source_; }
  const Json& json() const { return *value_; }  // of a field that is not absent

 private:
  JsonField(const Json* value, std::string_view source, std::string path)
      : value_(value), source_(source), path_(std::move(path)) {}

  const Json* value_;  // null: absent
  std::string_view source_;
  std::string path_;
};

}  // namespace quandex
