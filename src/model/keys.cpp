#include "model/keys.h"

#include "base/error.h"

namespace quandex {

std::string Keys::key(std::string_view name) const {
  std::string whole = name.starts_with("quandex.") ? std::string(name) : architecture_ + "." + std::string(name);
  if (metadata_.has(whole)) read_.insert(whole);
  return whole;
}

bool Keys::has(std::string_view name) const { return metadata_.has(key(name)); }

int Keys::integer(std::string_view name, int64_t low, int64_t high) const {
  const std::string whole = key(name);
  return checked(whole, uniform_integer(whole), low, high);
}

int Keys::integer(std::string_view name, int64_t low, int64_t high, int64_t otherwise) const {
  return has(name) ? integer(name, low, high) : static_cast<int>(otherwise);
}

double Keys::real(std::string_view name, double low, double high) const {
  const double value = metadata_.real(key(name));
  if (!(value >= low && value <= high))
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected {} to {}", source(), key(name), value, low, high);
  return value;
}

double Keys::real(std::string_view name, double low, double high, double otherwise) const {
  return has(name) ? real(name, low, high) : otherwise;
}

bool Keys::boolean(std::string_view name, bool otherwise) const { return metadata_.boolean(key(name), otherwise); }

std::string Keys::text(std::string_view name, std::string_view otherwise) const {
  return metadata_.string(key(name), otherwise);
}

std::optional<std::vector<int>> Keys::integers(std::string_view name, int64_t low, int64_t high) const {
  const std::string whole = key(name);
  const MetaValue* value = metadata_.find(whole);
  if (value == nullptr || value->type != MetaType::array) return std::nullopt;
  const MetaArray& array = numbers(whole);
  std::vector<int> values;
  for (size_t i = 0; i < array.count; ++i) values.push_back(checked(whole, array.integer(i), low, high));
  return values;
}

int Keys::checked(const std::string& key, int64_t value, int64_t low, int64_t high) const {
  if (value < low || value > high)
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected {} to {}", source(), key, value, low, high);
  return static_cast<int>(value);
}

int64_t Keys::uniform_integer(const std::string& key) const {
  const MetaValue* value = metadata_.find(key);
  if (value == nullptr || value->type != MetaType::array) return metadata_.integer(key);
  const MetaArray& array = numbers(key);
  if (array.count == 0) throw Error(ErrorCode::invalid_file, "{}: {} is an empty array", source(), key);
  for (size_t i = 1; i < array.count; ++i)
    if (array.integer(i) != array.integer(0))
      throw Error(ErrorCode::unsupported, "{}: {} differs between layers ({} and {}), which is not supported for {}",
                  source(), key, array.integer(0), array.integer(i), architecture_);
  return array.integer(0);
}

const MetaArray& Keys::numbers(const std::string& key) const {
  const MetaArray& array = *metadata_.array(key);
  const bool is_real = array.element == MetaType::f32 || array.element == MetaType::f64;
  if (array.element == MetaType::string || is_real)
    throw Error(ErrorCode::invalid_file, "{}: {} is an array of {}, expected integers", source(), key,
                meta_type_name(array.element));
  return array;
}

}  // namespace quandex
