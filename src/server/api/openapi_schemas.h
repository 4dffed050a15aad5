// The schemas of the OpenAPI document (JSON Schema 2020-12).
#pragma once

#include "base/json.h"
#include "server/api/request_fields.h"

namespace quandex::server {

// Adds the table's schema to `schemas` under its name, and those of all tables below it. What is refused by name may
// only be null, and says why.
void add_request_schema(const Table& table, Json& schemas);

// Adds the schemas of all answers and of errors.
void add_answer_schemas(Json& schemas);

// {"$ref": "#/components/schemas/NAME"}
Json schema_reference(std::string_view name);

}  // namespace quandex::server
