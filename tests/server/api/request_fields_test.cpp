// The tables, and every field of every body with every wrong type and value.
#include "server/api/request_fields.h"

#include <gtest/gtest.h>

#include <set>

#include "server/api/request_cases.h"

namespace quandex::server {
namespace {

using testing::body_cases;
using testing::BodyCase;
using testing::Refusal;
using testing::refusal_of;

// Walks every object of the case's full body with its table.
class Walker {
 public:
  explicit Walker(const BodyCase& item) : item_(item) {}

  int n_tried = 0;
  std::set<const Table*> seen;

  void object(const Json& value, const Table& table, const Json::json_pointer& at, const std::string& path) {
    const Table* form = &table;
    if (!table.discriminator.empty()) {
      const auto named = value[table.discriminator].get<std::string>();
      for (const Variant& variant : table.variants) try_variant(variant, named, form, table, at, path);
    }
    seen.insert(form);
    for (const auto& group : form->groups)
      for (const Field& field : group) member(value, field, at, path);
    expect(at / "surely_unknown", 1, joined(path, "surely_unknown"), "unknown_parameter");
  }

 private:
  static std::string joined(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }

  void try_variant(const Variant& variant, const std::string& named, const Table*& form, const Table& table,
                   const Json::json_pointer& at, const std::string& path) {
    if (variant.value == named) form = variant.table;
    const std::string name(table.discriminator);
    if (!variant.table) expect(at / name, variant.value, joined(path, name), "unsupported_value");
    expect(at / name, std::string(variant.value) + "x", joined(path, name), "invalid_value");
  }

  void member(const Json& object_value, const Field& field, const Json::json_pointer& at, const std::string& path) {
    const std::string name(field.name), member_path = joined(path, name);
    values(field, at / name, member_path);
    if (field.is_required) {
      Json body = item_.full;
      body[at].erase(name);
      expect_refused(body, member_path, "missing_required_parameter", "without " + member_path);
    }
    if (!object_value.contains(name) || field.use == Use::refused) return;
    descend(object_value[name], field, at / name, member_path);
  }

  void descend(const Json& value, const Field& field, const Json::json_pointer& at, const std::string& path) {
    if (value.is_object() && field.members) object(value, *field.members, at, path);
    if (value.is_object() && !field.members && field.items) {
      for (const auto& [key, unused] : value.items()) values(*field.items, at / key, joined(path, key));
    }
    if (!value.is_array() || !field.items) return;
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string element = path + "[" + std::to_string(i) + "]";
      values(*field.items, at / i, element);
      descend(value[i], *field.items, at / i, element);
    }
  }

  // Every type and value that the field does not allow.
  void values(const Field& field, const Json::json_pointer& at, const std::string& path) {
    const std::vector<std::pair<Kinds, Json>> samples = {{kBoolean, true},
                                                         {kInteger | kNumber, 1},
                                                         {kNumber, 1.5},
                                                         {kNumber, 3.0},
                                                         {kString, "x"},
                                                         {kArray, Json::array({nullptr})},
                                                         {kObject, Json::object({{"x", nullptr}})}};
    for (const auto& [kinds, sample] : samples) {
      if (field.use == Use::refused)
        expect(at, sample, path, "unsupported_parameter");
      else if (kinds & field.refused_kinds)
        expect(at, sample, path, "unsupported_value");
      else if (!(kinds & field.kinds))
        expect(at, sample, path, "invalid_type");
    }
    if (field.use == Use::refused) return;
    if (!field.is_nullable) expect(at, nullptr, path, "invalid_type");
    if (field.refuses_true) expect(at, true, path, "unsupported_value");
    if (field.kinds & (kInteger | kNumber)) numbers(field, at, path);
    if (field.kinds & kString) strings(field, at, path);
    if (field.kinds & kArray && field.least_size > 0) expect(at, Json::array(), path, "empty_array");
    if (field.kinds & kArray && field.most_size != kAnySize)
      expect(at, std::vector<std::string>(field.most_size + 1, "x"), path, "array_above_max_length");
  }

  void numbers(const Field& field, const Json::json_pointer& at, const std::string& path) {
    const bool is_integer = (field.kinds & kNumber) == 0;
    const std::string kind = is_integer ? "integer" : "decimal";
    const auto number = [&](double x) { return is_integer ? Json(static_cast<int64_t>(x)) : Json(x); };
    if (is_integer) {
      expect(at, uint64_t{1} << 63, path, "integer_above_max_value");
      expect(at, 1e30, path, "invalid_type");
    }
    if (field.least > -0x1p62) expect(at, number(field.least - 1), path, kind + "_below_min_value");
    if (field.most < 0x1p62) expect(at, number(field.most + 1), path, kind + "_above_max_value");
    if (!is_integer) expect(at, field.most + 1e-9, path, "decimal_above_max_value");
  }

  void strings(const Field& field, const Json::json_pointer& at, const std::string& path) {
    if (field.least_length > 0) expect(at, "", path, "empty_string");
    if (field.most_length != kAnySize)
      expect(at, std::string(field.most_length + 1, 'x'), path, "string_above_max_length");
    for (const RefusedValue& refused : field.refused_values) expect(at, refused.value, path, "unsupported_value");
    if (!field.values.empty()) expect(at, "surely unknown", path, "invalid_value");
    if (field.pattern) expect(at, "no name!", path, "invalid_value");
  }

  void expect(const Json::json_pointer& at, const Json& value, const std::string& path, const std::string& code) {
    Json body = item_.full;
    body[at] = value;
    expect_refused(body, path, code, path + " = " + value.dump());
  }

  void expect_refused(const Json& body, const std::string& path, const std::string& code, const std::string& what) {
    ++n_tried;
    const auto refusal = refusal_of([&] { item_.parse(body, testing::capable_model(), {}); });
    ASSERT_TRUE(refusal) << item_.name << ": " << what << " was taken";
    if (path == "model" && code != "invalid_type") return;  // refused for what it names
    EXPECT_EQ(refusal->status, 400) << what;
    EXPECT_EQ(refusal->param, path) << what << ": " << refusal->message;
    EXPECT_EQ(refusal->code, code) << what << ": " << refusal->message;
    EXPECT_TRUE(refusal->message.starts_with("'" + path + "': ")) << refusal->message;
  }

  const BodyCase& item_;
};

void check_table(const Table& table, std::set<const Table*>& seen) {
  if (!seen.insert(&table).second) return;
  EXPECT_FALSE(table.name.empty());
  EXPECT_FALSE(table.description.empty()) << table.name;
  for (const Variant& variant : table.variants) {
    EXPECT_EQ(variant.table == nullptr, !variant.reason.empty()) << table.name << ": " << variant.value;
    if (variant.table) check_table(*variant.table, seen);
  }
  std::set<std::string_view> names;
  for (const auto& group : table.groups) {
    for (const Field& field : group) {
      EXPECT_TRUE(names.insert(field.name).second) << table.name << ": " << field.name << " is there twice";
      const bool has_reason = field.use == Use::refused || field.refused_kinds != 0 || field.refuses_true;
      EXPECT_EQ(field.reason.empty(), !has_reason) << field.name;
      EXPECT_TRUE(field.use == Use::refused || !field.description.empty()) << field.name;
      EXPECT_FALSE(field.is_required && field.is_nullable) << field.name;
      if (field.members) check_table(*field.members, seen);
      if (field.items && field.items->members) check_table(*field.items->members, seen);
    }
  }
}

TEST(RequestFields, full_bodies_are_taken) {
  for (const BodyCase& item : body_cases()) {
    const auto refusal = refusal_of([&] { item.parse(item.full, testing::capable_model(), {}); });
    EXPECT_FALSE(refusal) << item.name << ": " << refusal->message;
  }
}

TEST(RequestFields, every_field_refuses_every_wrong_type_and_value_and_is_named) {
  std::set<const Table*> seen;
  for (const BodyCase& item : body_cases()) {
    Walker walker(item);
    walker.object(item.full, *item.table, Json::json_pointer(), "");
    seen.merge(walker.seen);
    EXPECT_GT(walker.n_tried, 20) << item.name;
  }
  std::set<const Table*> all;
  for (const BodyCase& item : body_cases()) check_table(*item.table, all);
  std::erase_if(all, [](const Table* table) { return !table->discriminator.empty(); });
  EXPECT_EQ(seen, all) << "a full body lacks an object that its tables know";
}

TEST(RequestFields, null_is_absence_for_every_field_that_may_be_null) {
  for (const BodyCase& item : body_cases()) {
    for (const auto& group : item.table->groups) {
      for (const Field& field : group) {
        if (!field.is_nullable) continue;
        Json body = item.full;
        body.erase(field.name);
        const auto without = refusal_of([&] { item.parse(body, testing::capable_model(), {}); });
        body[field.name] = nullptr;
        const auto with_null = refusal_of([&] { item.parse(body, testing::capable_model(), {}); });
        EXPECT_EQ(without.has_value(), with_null.has_value()) << item.name << ": " << field.name;
      }
    }
  }
}

TEST(RequestFields, tables_are_complete) {
  std::set<const Table*> seen;
  for (const BodyCase& item : body_cases()) check_table(*item.table, seen);
}

}  // namespace
}  // namespace quandex::server
