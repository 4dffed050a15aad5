#include "server/api/request_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/nearest.h"
#include "base/shown.h"

namespace quandex::server {
namespace {

constexpr size_t kMostWarnings = 20;
constexpr size_t kMostSuggestedLength = 40;  // suggestions cost the product of both lengths

size_t n_characters(std::string_view text) {
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::ranges::count_if(text, starts_character));
}

std::string bound_text(double bound) {
  const bool is_whole = bound == std::floor(bound) && std::abs(bound) < 0x1p62;
  return is_whole ? fmt::format("{}", static_cast<int64_t>(bound)) : fmt::format("{}", bound);
}

std::string range_text(const Field& field) {
  if (field.most == 0x1p63) return " of 64 bits";
  if (field.most < kNoLimit) return fmt::format(" between {} and {}", bound_text(field.least), bound_text(field.most));
  return field.least > -kNoLimit ? fmt::format(" of {} or more", bound_text(field.least)) : "";
}

std::string quoted(std::span<const std::string_view> values) {
  std::vector<std::string> texts;
  for (const std::string_view value : values) texts.push_back(fmt::format("\"{}\"", value));
  return fmt::format("{}", fmt::join(texts, " or "));
}

// "an integer between 1 and 128", "a string or an array".
std::string expected_text(const Field& field) {
  std::vector<std::string> kinds;
  if (field.kinds & kBoolean) kinds.emplace_back("true or false");
  if (field.kinds & kInteger) kinds.push_back("an integer" + range_text(field));
  if (field.kinds & kNumber) kinds.push_back("a number" + range_text(field));
  if (field.kinds & kString) kinds.push_back(field.values.empty() ? "a string" : quoted(field.values));
  if (field.kinds & kArray) kinds.emplace_back("an array");
  if (field.kinds & kObject) kinds.emplace_back("an object");
  return fmt::format("{}", fmt::join(kinds, " or "));
}

Kinds kinds_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean:
      return kBoolean;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return kInteger | kNumber;
    case Json::value_t::number_float:
      return kNumber;
    case Json::value_t::string:
      return kString;
    case Json::value_t::array:
      return kArray;
    case Json::value_t::object:
      return kObject;
    default:
      return 0;
  }
}

class Checker {
 public:
  Checker(bool is_lenient, std::vector<std::string>& warnings) : is_lenient_(is_lenient), warnings_(warnings) {}

  void object(const Json& value, const Table& table, const Path& path) {
    const Table& form = table.discriminator.empty() ? table : variant(value, table, path);
    for (const auto& [key, member] : value.items()) {
      const Path at = path.member(key);
      if (const Field* field = form.find(key))
        this->field(member, *field, at);
      else
        unknown(key, form, at);
    }
    for (const auto& group : form.groups)
      for (const Field& field : group)
        if (field.is_required && !value.contains(field.name)) missing(field.name, expected_text(field), path);
  }

 private:
  [[noreturn]] static void refuse(const Path& path, std::string_view code, std::string_view message) {
    throw field_error(path.text(), code, message);
  }
  [[noreturn]] static void missing(std::string_view name, std::string_view expected, const Path& path) {
    refuse(path.member(name), "missing_required_parameter", fmt::format("is missing, expected {}", expected));
  }

  // The form that the object says it has.
  static const Table& variant(const Json& value, const Table& table, const Path& path) {
    std::vector<std::string_view> names;
    for (const Variant& variant : table.variants)
      if (variant.table) names.push_back(variant.value);
    const std::string expected = quoted(names);
    if (!value.contains(table.discriminator)) missing(table.discriminator, expected, path);
    const Json& named = value[table.discriminator];
    const Path at = path.member(table.discriminator);
    if (!named.is_string())
      refuse(at, "invalid_type", fmt::format("found {}, expected {}", found_text(named), expected));
    const std::string_view name = named.get_ref<const std::string&>();
    const auto found = std::ranges::find(table.variants, name, &Variant::value);
    if (found == table.variants.end())
      refuse(at, "invalid_value", fmt::format("found {}, expected {}", found_text(named), expected));
    if (!found->table) refuse(at, "unsupported_value", fmt::format("\"{}\" is refused: {}", name, found->reason));
    return *found->table;
  }

  void field(const Json& value, const Field& field, const Path& path) {
    if (value.is_null() && field.is_nullable) return;
    if (field.use == Use::refused)
      refuse(path, "unsupported_parameter", fmt::format("is not supported: {}", field.reason));
    const Kinds kinds = kinds_of(value);
    if (kinds & field.refused_kinds) refuse(path, "unsupported_value", fmt::format("is refused: {}", field.reason));
    if (!(kinds & field.kinds))
      refuse(path, "invalid_type", fmt::format("found {}, expected {}", found_text(value), expected_text(field)));
    if (value.is_boolean() && value.get<bool>() && field.refuses_true)
      refuse(path, "unsupported_value", fmt::format("true is refused: {}", field.reason));
    if (value.is_number()) number(value, field, path);
    if (value.is_string()) string(value, field, path);
    if (value.is_array()) array(value, field, path);
    if (value.is_object() && field.members) object(value, *field.members, path);
    if (value.is_object() && !field.members && field.items)
      for (const auto& [key, member] : value.items()) this->field(member, *field.items, path.member(key));
  }

  static void number(const Json& value, const Field& field, const Path& path) {
    const bool is_integer = (field.kinds & kNumber) == 0;
    const std::string_view kind = is_integer ? "integer" : "decimal";
    const auto found = [&] { return fmt::format("found {}, expected {}", value.dump(), expected_text(field)); };
    const double x = value.get<double>();
    // Whole numbers of 64 bits are the widest that there are; an unsigned one above them is none of ours.
    const bool is_huge = is_integer && value.is_number_unsigned() &&
                         value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (x < field.least) refuse(path, fmt::format("{}_below_min_value", kind), found());
    if (x > field.most || is_huge) refuse(path, fmt::format("{}_above_max_value", kind), found());
  }

  static void string(const Json& value, const Field& field, const Path& path) {
    const std::string& text = value.get_ref<const std::string&>();
    if (field.least_length > 0 && text.empty()) refuse(path, "empty_string", "is empty, expected text");
    if (field.most_length != kAnySize && n_characters(text) > field.most_length)
      refuse(path, "string_above_max_length",
             fmt::format("found {} characters, expected at most {}", n_characters(text), field.most_length));
    if (field.pattern && !field.pattern->matches(text))
      refuse(path, "invalid_value",
             fmt::format("found {}, expected a text of the form {}", found_text(value), field.pattern->text));
    const auto refused = std::ranges::find(field.refused_values, std::string_view(text), &RefusedValue::value);
    if (refused != field.refused_values.end())
      refuse(path, "unsupported_value", fmt::format("\"{}\" is refused: {}", text, refused->reason));
    if (!field.values.empty() && std::ranges::find(field.values, std::string_view(text)) == field.values.end())
      refuse(path, "invalid_value", fmt::format("found {}, expected {}", found_text(value), expected_text(field)));
  }

  void array(const Json& value, const Field& field, const Path& path) {
    if (value.size() < field.least_size)
      refuse(path, "empty_array", "is an empty array, expected at least one element");
    if (value.size() > field.most_size)
      refuse(path, "array_above_max_length",
             fmt::format("found {} elements, expected at most {}", value.size(), field.most_size));
    if (!field.items) return;
    for (size_t i = 0; i < value.size(); ++i) this->field(value[i], *field.items, path.element(i));
  }

  void unknown(std::string_view key, const Table& table, const Path& path) {
    if (!is_lenient_) {
      const std::string hint = suggestion(key, table);
      throw field_error(path.text(), "unknown_parameter", "is unknown" + hint);
    }
    if (warnings_.size() > kMostWarnings) return;
    const bool is_last = warnings_.size() == kMostWarnings;
    std::string warning = is_last ? "and more" : path.text() + " is unknown and was ignored";
    std::ranges::replace_if(warning, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    warnings_.push_back(std::move(warning));
  }

  static std::string suggestion(std::string_view key, const Table& table) {
    if (key.size() > kMostSuggestedLength) return "";
    std::vector<std::string> names;
    for (const auto& group : table.groups)
      for (const Field& field : group)
        if (field.use != Use::refused) names.emplace_back(field.name);
    const std::string_view near = nearest(key, names);
    return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
  }

  bool is_lenient_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::string Path::text() const {
  if (!parent) return {};
  std::string out = parent->text();
  if (is_element) return out + fmt::format("[{}]", index);
  if (!out.empty()) out += '.';
  return out + shown(name);
}

ApiError field_error(const std::string& param, std::string_view code, std::string_view message) {
  ApiError error(400, fmt::format("'{}': {}", param, message));
  return error.with_param(param).with_code(std::string(code));
}

std::string found_text(const Json& value) {
  if (value.is_string()) return fmt::format("the string \"{}\"", shown(value.get_ref<const std::string&>()));
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return value.dump();
}

const Json* given(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

void check_object(const Json& object, const Table& table, const Path& path, bool is_lenient,
                  std::vector<std::string>& warnings) {
  Checker(is_lenient, warnings).object(object, table, path);
}

}  // namespace quandex::server
