#include "cli/build_info.h"

#include <fmt/format.h>

#include "base/cpu_features.h"
#include "quandex_version.h"

namespace quandex::cli {

std::string_view build_version() { return QUANDEX_VERSION; }
std::string_view build_commit() { return QUANDEX_COMMIT; }
std::string_view build_compiler() { return QUANDEX_COMPILER; }

std::string isa_levels_text() {
  std::string text;
  for (const IsaLevel level : supported_isa_levels()) {
    if (!text.empty()) text += ", ";
    text += isa_name(level);
  }
  return text;
}

std::string version_text() {
  return fmt::format("quandex {} (commit {}, {}, {}; kernels for {})", QUANDEX_VERSION, QUANDEX_COMMIT,
                     QUANDEX_COMPILER, QUANDEX_BUILD_TYPE, isa_levels_text());
}

}  // namespace quandex::cli
