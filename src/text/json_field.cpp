#include "text/json_field.h"

#include <limits>

#include "base/shown.h"

namespace quandex {

JsonField JsonField::operator[](std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  if (is_absent()) return {nullptr, source_, std::move(path)};
  for (const auto& [name, member] : object())
    if (name == key) return {&member, source_, std::move(path)};
  return {nullptr, source_, std::move(path)};
}

JsonField JsonField::operator[](size_t i) const { return {&array().at(i), source_, fmt::format("{}[{}]", path_, i)}; }

const std::string& JsonField::string() const {
  if (!is_string()) refuse("a string");
  return value_->get_ref<const std::string&>();
}

const Json::array_t& JsonField::array() const {
  if (!is_array()) refuse("an array");
  return value_->get_ref<const Json::array_t&>();
}

const Json::object_t& JsonField::object() const {
  if (!is_object()) refuse("an object");
  return value_->get_ref<const Json::object_t&>();
}

int64_t JsonField::integer() const {
  const bool fits = !is_absent() && value_->is_number_integer() &&
                    (!value_->is_number_unsigned() ||
                     value_->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (!fits) refuse("an integer");
  return value_->get<int64_t>();
}

std::string JsonField::string_or(std::string_view otherwise) const {
  return is_absent() ? std::string(otherwise) : string();
}

bool JsonField::boolean_or(bool otherwise) const {
  if (is_absent()) return otherwise;
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

double JsonField::real_or(double otherwise) const {
  if (is_absent()) return otherwise;
  if (!value_->is_number()) refuse("a number");
  return value_->get<double>();
}

std::optional<int64_t> JsonField::optional_integer() const {
  if (is_absent()) return std::nullopt;
  return integer();
}

void JsonField::refuse(std::string_view expected, ErrorCode code) const {
  std::string found = "absent";
  if (value_ != nullptr && (value_->is_object() || value_->is_array()))
    found = fmt::format("an {} of {}", value_->is_object() ? "object" : "array", value_->size());
  else if (value_ != nullptr)
    found = shown(value_->dump());
  throw Error(code, "{}: {} is {}, expected {}", source_, path_.empty() ? "the file" : path_, found, expected);
}

}  // namespace quandex
