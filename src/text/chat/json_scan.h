// Where JSON text ends and where its parts lie, found while it comes. What is found is checked with parse_json() before
// anyone believes it; here it only matters that the end of valid JSON is found and that text which is plainly none is
// given up early.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quandex {

class JsonScan {
 public:
  enum class Result : uint8_t { more, complete, invalid };
  // The next character of an object or array; the first is its bracket. Nothing more after complete or invalid.
  Result push(char c);

  bool is_in_string() const { return is_in_string_; }
  // The outermost bracket is all that is open.
  bool may_close() const { return !is_in_string_ && open_.size() == 1; }

 private:
  Result push_in_string(char c);

  std::string open_;  // brackets to come that close what is open, the innermost last
  bool is_in_string_ = false, is_escaped_ = false;
};

// The texts of the values in an array or of the members of an object, in order. The text must be valid JSON.
std::vector<std::string_view> json_values(std::string_view container);

}  // namespace quandex
