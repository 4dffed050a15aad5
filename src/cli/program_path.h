// Where the running program lies.
#pragma once

#include <filesystem>

namespace quandex::cli {

// Throws Error{device} where the system does not say.
std::filesystem::path program_path();

}  // namespace quandex::cli
