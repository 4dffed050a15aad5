// The one exception type of the project: thrown for what the caller cannot continue past (a bad file, an unsupported
// model, no memory, a lost device). The message says what, where, found and expected. Expected outcomes are values
// (std::optional, an enum, a variant), never errors.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace quandex {

enum class ErrorCode : uint8_t {
  invalid_argument,
  invalid_file,
  unsupported,
  not_found,
  io,
  out_of_memory,
  device,
  unavailable
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  template <typename... Args>
  Error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)), code_(code) {}

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace quandex
