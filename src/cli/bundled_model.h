// The small model that comes with the program.
#pragma once

#include <filesystem>
#include <optional>

namespace quandex::cli {

// Beside the program: in models/ of the tree that it was built in, or in share/quandex/models/ where it was installed.
std::optional<std::filesystem::path> find_bundled_model();

}  // namespace quandex::cli
