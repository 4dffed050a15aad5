// Errors in how the program was called (exit status 2), and the nearest word to what was typed.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::cli {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// "; did you mean X?" or empty.
std::string suggestion(std::string_view typed, std::span<const std::string> candidates);

}  // namespace quandex::cli
