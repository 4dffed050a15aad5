#include "cli/usage.h"

#include "base/nearest.h"

namespace quandex::cli {

std::string suggestion(std::string_view typed, std::span<const std::string> candidates) {
  const std::string_view near = nearest(typed, candidates);
  return near.empty() ? std::string() : "; did you mean " + std::string(near) + "?";
}

}  // namespace quandex::cli
