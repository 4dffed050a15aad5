#include "format/metadata.h"

#include <array>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

constexpr std::array<std::string_view, 13> kTypeNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                         "bool", "string", "array", "u64", "i64", "f64"};

std::string describe(const MetaValue& value) {
  if (value.type != MetaType::array) return std::string(meta_type_name(value.type));
  return fmt::format("array of {}", meta_type_name(std::get<MetaArray>(value.value).element));
}

[[noreturn]] void throw_mismatch(std::string_view source, std::string_view key, const MetaValue& value,
                                 std::string_view expected) {
  throw Error(ErrorCode::invalid_file, "{}: key {} is {}, expected {}", source, key, describe(value), expected);
}

[[noreturn]] void throw_missing(std::string_view source, std::string_view key, std::string_view expected) {
  throw Error(ErrorCode::invalid_file, "{}: key {} is missing, expected {}", source, key, expected);
}

template <typename T>
T load(const MetaArray& array, size_t i) {
  T value;
  CHECK((i + 1) * sizeof(T) <= array.scalars.size());
  std::memcpy(&value, array.scalars.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
MetaArray packed_array(MetaType element, std::span<const T> values) {
  MetaArray array;
  array.element = element;
  array.count = values.size();
  const auto bytes = std::as_bytes(values);
  array.scalars.assign(bytes.begin(), bytes.end());
  return array;
}

constexpr std::string_view kInteger = "an integer";
constexpr std::string_view kNumber = "a number";
constexpr std::string_view kBoolean = "a boolean";
constexpr std::string_view kString = "a string";

int64_t integer_of(std::string_view source, std::string_view key, const MetaValue& value) {
  if (const auto* const number = std::get_if<int64_t>(&value.value)) return *number;
  const auto* const number = std::get_if<uint64_t>(&value.value);
  if (!number) throw_mismatch(source, key, value, kInteger);
  if (*number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    throw Error(ErrorCode::invalid_file, "{}: key {} is {}, expected at most 2^63 - 1", source, key, *number);
  }
  return static_cast<int64_t>(*number);
}

double real_of(std::string_view source, std::string_view key, const MetaValue& value) {
  if (const auto* const number = std::get_if<double>(&value.value)) return *number;
  if (const auto* const number = std::get_if<int64_t>(&value.value)) return static_cast<double>(*number);
  if (const auto* const number = std::get_if<uint64_t>(&value.value)) return static_cast<double>(*number);
  throw_mismatch(source, key, value, kNumber);
}

const std::string& string_of(std::string_view source, std::string_view key, const MetaValue& value) {
  const auto* const text = std::get_if<std::string>(&value.value);
  if (!text) throw_mismatch(source, key, value, kString);
  return *text;
}

}  // namespace

std::string_view meta_type_name(MetaType type) {
  const auto index = static_cast<size_t>(type);
  CHECK(index < kTypeNames.size());
  return kTypeNames[index];
}

int64_t MetaArray::integer(size_t i) const {
  CHECK(i < count);
  switch (element) {
    case MetaType::u8:
    case MetaType::boolean:
      return load<uint8_t>(*this, i);
    case MetaType::i8:
      return load<int8_t>(*this, i);
    case MetaType::u16:
      return load<uint16_t>(*this, i);
    case MetaType::i16:
      return load<int16_t>(*this, i);
    case MetaType::u32:
      return load<uint32_t>(*this, i);
    case MetaType::i32:
      return load<int32_t>(*this, i);
    case MetaType::i64:
      return load<int64_t>(*this, i);
    case MetaType::u64: {
      const auto value = load<uint64_t>(*this, i);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        throw Error(ErrorCode::invalid_file, "array element {} is {}, expected at most 2^63 - 1", i, value);
      }
      return static_cast<int64_t>(value);
    }
    default:
      throw Error(ErrorCode::invalid_file, "array holds {}, expected integers", meta_type_name(element));
  }
}

double MetaArray::real(size_t i) const {
  CHECK(i < count);
  switch (element) {
    case MetaType::f32:
      return load<float>(*this, i);
    case MetaType::f64:
      return load<double>(*this, i);
    case MetaType::u64:
      return static_cast<double>(load<uint64_t>(*this, i));
    case MetaType::string:
    case MetaType::array:
      throw Error(ErrorCode::invalid_file, "array holds {}, expected numbers", meta_type_name(element));
    default:
      return static_cast<double>(integer(i));
  }
}

void Metadata::set(std::string key, MetaValue value) {
  const auto [place, is_new] = index_.try_emplace(key, entries_.size());
  if (is_new) {
    entries_.emplace_back(std::move(key), std::move(value));
  } else {
    entries_[place->second].second = std::move(value);
  }
}

void Metadata::set_string(std::string key, std::string value) {
  set(std::move(key), {MetaType::string, std::move(value)});
}
void Metadata::set_u32(std::string key, uint32_t value) {
  set(std::move(key), {MetaType::u32, static_cast<uint64_t>(value)});
}
void Metadata::set_f32(std::string key, float value) {
  set(std::move(key), {MetaType::f32, static_cast<double>(value)});
}
void Metadata::set_bool(std::string key, bool value) { set(std::move(key), {MetaType::boolean, value}); }

void Metadata::set_strings(std::string key, std::vector<std::string> values) {
  MetaArray array;
  array.element = MetaType::string;
  array.count = values.size();
  array.strings = std::move(values);
  set(std::move(key), {MetaType::array, std::move(array)});
}
void Metadata::set_i32s(std::string key, std::span<const int32_t> values) {
  set(std::move(key), {MetaType::array, packed_array(MetaType::i32, values)});
}
void Metadata::set_f32s(std::string key, std::span<const float> values) {
  set(std::move(key), {MetaType::array, packed_array(MetaType::f32, values)});
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto place = index_.find(std::string(key));
  return place == index_.end() ? nullptr : &entries_[place->second].second;
}

int64_t Metadata::integer(std::string_view key) const {
  const MetaValue* const value = find(key);
  if (!value) throw_missing(source_, key, kInteger);
  return integer_of(source_, key, *value);
}

int64_t Metadata::integer(std::string_view key, int64_t otherwise) const {
  const MetaValue* const value = find(key);
  return value ? integer_of(source_, key, *value) : otherwise;
}

double Metadata::real(std::string_view key) const {
  const MetaValue* const value = find(key);
  if (!value) throw_missing(source_, key, kNumber);
  return real_of(source_, key, *value);
}

double Metadata::real(std::string_view key, double otherwise) const {
  const MetaValue* const value = find(key);
  return value ? real_of(source_, key, *value) : otherwise;
}

bool Metadata::boolean(std::string_view key, bool otherwise) const {
  const MetaValue* const value = find(key);
  if (!value) return otherwise;
  const bool* const boolean = std::get_if<bool>(&value->value);
  if (!boolean) throw_mismatch(source_, key, *value, kBoolean);
  return *boolean;
}

const std::string& Metadata::string(std::string_view key) const {
  const MetaValue* const value = find(key);
  if (!value) throw_missing(source_, key, kString);
  return string_of(source_, key, *value);
}

std::string Metadata::string(std::string_view key, std::string_view otherwise) const {
  const MetaValue* const value = find(key);
  return value ? string_of(source_, key, *value) : std::string(otherwise);
}

const MetaArray* Metadata::array(std::string_view key) const {
  const MetaValue* const value = find(key);
  if (!value) return nullptr;
  const auto* const array = std::get_if<MetaArray>(&value->value);
  if (!array) throw_mismatch(source_, key, *value, "an array");
  return array;
}

const std::vector<std::string>* Metadata::strings(std::string_view key) const {
  const MetaValue* const value = find(key);
  if (!value) return nullptr;
  const auto* const array = std::get_if<MetaArray>(&value->value);
  if (!array || array->element != MetaType::string) throw_mismatch(source_, key, *value, "an array of strings");
  return &array->strings;
}

}  // namespace quandex
