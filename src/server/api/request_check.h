// Bodies against their tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api/api_error.h"
#include "server/api/request_fields.h"

namespace quandex::server {

// Where a value stands in a body: a chain from the inside out, made into text for messages alone.
struct Path {
  const Path* parent = nullptr;  // null: the body itself
  std::string_view name = {};    // of a member
  size_t index = 0;              // of an element
  bool is_element = false;

  Path member(std::string_view member_name) const { return {this, member_name, 0, false}; }
  Path element(size_t element_index) const { return {this, {}, element_index, true}; }
  std::string text() const;  // "messages[0].tool_calls[1].function.name"; keys of the client's own are cut and made fit
};

// A 400 that names the field; `message` says found and expected, and gets the field put in front.
ApiError field_error(const std::string& param, std::string_view code, std::string_view message);

// A value as messages show it: "the string \"abc\"", "1.5", "an array".
std::string found_text(const Json& value);

// The member, or null where it is absent or null.
const Json* given(const Json& object, std::string_view name);

// Throws ApiError{400} for the first thing in `object`, at `path`, that the table does not allow. Where is_lenient,
// unknown members are told in `warnings` instead: plain ASCII, bounded in number and length.
void check_object(const Json& object, const Table& table, const Path& path, bool is_lenient,
                  std::vector<std::string>& warnings);

}  // namespace quandex::server
