// What the tests of hostile templates share: rendering that ends in a text or an error, watched by a clock.
#pragma once

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja/template.h"

namespace quandex::jinja {

inline constexpr const char* kHostileContext =
    R"({"s": "text", "n": 7, "big": 1000000000, "l": [3, 1, 2], "d": {"a": "x", "b": 1}})";

struct Outcome {
  std::string text;  // or the message
  std::optional<ErrorCode> error;
};

inline Outcome render(std::string_view source, const RenderOptions& options = {},
                      std::string_view context = kHostileContext) {
  try {
    return {Template(source, "hostile").render(parse_json(context, "context"), options), std::nullopt};
  } catch (const Error& error) {
    EXPECT_TRUE(std::string_view(error.what()).starts_with("hostile: line ")) << error.what();
    return {error.what(), error.code()};
  }
}

inline RenderOptions small_budgets() {
  RenderOptions options;
  options.max_steps = 1'000'000;
  options.max_depth = 500;
  options.max_output_bytes = 1 << 20;
  options.max_memory_bytes = 4 << 20;
  return options;
}

inline std::string repeat(std::string_view text, size_t n) {
  std::string all;
  all.reserve(text.size() * n);
  for (size_t i = 0; i < n; ++i) all += text;
  return all;
}

// Of this process: what other programs take of a busy machine is not counted.
inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Rendering within a time that leaves room for sanitizers.
inline Outcome render_soon(std::string_view source, const RenderOptions& options) {
  constexpr double kSeconds = 20;
  const double start = cpu_seconds();
  Outcome outcome = render(source, options);
  EXPECT_LT(cpu_seconds() - start, kSeconds) << source.substr(0, 200);
  return outcome;
}

// The budget that the message has to name.
inline void expect_stopped_by(std::string_view budget, std::string_view source, const RenderOptions& options) {
  SCOPED_TRACE(source);
  const Outcome outcome = render_soon(source, options);
  ASSERT_EQ(outcome.error, ErrorCode::invalid_file) << outcome.text.substr(0, 200);
  EXPECT_NE(outcome.text.find(budget), std::string::npos) << outcome.text;
}

}  // namespace quandex::jinja
