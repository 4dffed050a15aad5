#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/api/openapi_schemas.h"

namespace quandex::server {
namespace {

Json bound(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

Json number_schema(const Field& field, bool is_integer) {
  Json schema = {{"type", is_integer ? "integer" : "number"}};
  if (field.most == 0x1p63) {
    schema["format"] = "int64";
    return schema;
  }
  if (field.least > -kNoLimit) schema["minimum"] = bound(field.least);
  if (field.most < kNoLimit) schema["maximum"] = bound(field.most);
  return schema;
}

Json string_schema(const Field& field) {
  Json schema = {{"type", "string"}};
  if (!field.values.empty()) schema["enum"] = std::vector<std::string>(field.values.begin(), field.values.end());
  if (field.least_length > 0) schema["minLength"] = field.least_length;
  if (field.most_length != kAnySize) schema["maxLength"] = field.most_length;
  if (field.pattern) schema["pattern"] = field.pattern->text;
  return schema;
}

Json field_schema(const Field& field, Json& schemas);

Json array_schema(const Field& field, Json& schemas) {
  Json schema = {{"type", "array"}};
  if (field.items) schema["items"] = field_schema(*field.items, schemas);
  if (field.least_size > 0) schema["minItems"] = field.least_size;
  if (field.most_size != kAnySize) schema["maxItems"] = field.most_size;
  return schema;
}

Json object_schema(const Field& field, Json& schemas) {
  if (field.members) {
    add_request_schema(*field.members, schemas);
    return schema_reference(field.members->name);
  }
  Json schema = {{"type", "object"}};
  if (field.items) schema["additionalProperties"] = field_schema(*field.items, schemas);
  return schema;
}

std::string description_of(const Field& field) {
  if (field.use == Use::refused) return fmt::format("Refused: {}.", field.reason);
  if (field.use == Use::no_effect) return fmt::format("Without effect. {}", field.description);
  std::string text(field.description);
  if (!field.reason.empty()) text += fmt::format(" Otherwise refused: {}.", field.reason);
  for (const RefusedValue& refused : field.refused_values)
    text += fmt::format(" Refused: \"{}\" ({}).", refused.value, refused.reason);
  return text;
}

Json field_schema(const Field& field, Json& schemas) {
  std::vector<Json> forms;
  if (field.use != Use::refused) {
    if (field.kinds & kBoolean)
      forms.push_back(field.refuses_true ? Json{{"type", "boolean"}, {"enum", {false}}} : Json{{"type", "boolean"}});
    if (field.kinds & (kInteger | kNumber)) forms.push_back(number_schema(field, (field.kinds & kNumber) == 0));
    if (field.kinds & kString) forms.push_back(string_schema(field));
    if (field.kinds & kArray) forms.push_back(array_schema(field, schemas));
    if (field.kinds & kObject) forms.push_back(object_schema(field, schemas));
  }
  if (field.is_nullable) forms.push_back({{"type", "null"}});
  Json schema = forms.size() == 1 ? std::move(forms[0]) : Json{{"anyOf", std::move(forms)}};
  const std::string description = description_of(field);
  if (!description.empty()) schema["description"] = description;
  return schema;
}

Json table_schema(const Table& table, Json& schemas) {
  Json schema = {{"type", "object"}, {"description", table.description}, {"properties", Json::object()}};
  Json required = Json::array();
  for (const auto& group : table.groups) {
    for (const Field& field : group) {
      schema["properties"][std::string(field.name)] = field_schema(field, schemas);
      if (field.is_required) required.push_back(field.name);
    }
  }
  if (!required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
  return schema;
}

// One of several forms; the member that tells them apart has the values that lead to each.
Json variant_schema(const Table& table, Json& schemas) {
  Json schema = {{"description", table.description}, {"oneOf", Json::array()}};
  Json mapping = Json::object();
  const std::string discriminator(table.discriminator);
  for (const Variant& variant : table.variants) {
    if (!variant.table) continue;
    const std::string name(variant.table->name);
    add_request_schema(*variant.table, schemas);
    const Json reference = schema_reference(name);
    Json& values = schemas[name]["properties"][discriminator]["enum"];
    const bool is_new = !mapping.contains(std::string(variant.value));
    const bool is_first = std::ranges::find(schema["oneOf"], reference) == schema["oneOf"].end();
    if (is_first) schema["oneOf"].push_back(reference);
    if (is_first || values.is_null()) values = Json::array();
    if (is_new) values.push_back(variant.value);
    mapping[std::string(variant.value)] = reference["$ref"];
  }
  schema["discriminator"] = {{"propertyName", discriminator}, {"mapping", std::move(mapping)}};
  return schema;
}

}  // namespace

Json schema_reference(std::string_view name) { return {{"$ref", fmt::format("#/components/schemas/{}", name)}}; }

void add_request_schema(const Table& table, Json& schemas) {
  const std::string name(table.name);
  if (schemas.contains(name)) return;
  schemas[name] = nullptr;  // keeps its place before those that it refers to
  Json schema = table.discriminator.empty() ? table_schema(table, schemas) : variant_schema(table, schemas);
  schemas[name] = std::move(schema);
}

}  // namespace quandex::server
