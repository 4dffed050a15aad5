#include "cli/bundled_model.h"

#include <array>
#include <system_error>

#include "cli/program_path.h"

namespace quandex::cli {

std::optional<std::filesystem::path> find_bundled_model() {
  namespace fs = std::filesystem;
  constexpr const char* kName = "quandex-tiny.gguf";
  constexpr int kMostLevels = 5;  // build/PRESET/src/cli/quandex
  fs::path folder = program_path().parent_path();
  for (int level = 0; level < kMostLevels; ++level, folder = folder.parent_path()) {
    for (const fs::path& place : std::array{folder / "models", folder / "share/quandex/models"}) {
      std::error_code ignored;
      if (fs::is_regular_file(place / kName, ignored)) return place / kName;
    }
  }
  return std::nullopt;
}

}  // namespace quandex::cli
