// What this program was built from, for --version, info and bench.
#pragma once

#include <string>
#include <string_view>

namespace quandex::cli {

std::string_view build_version();
std::string_view build_commit();
std::string_view build_compiler();
std::string isa_levels_text();  // "base, avx2": those of this machine
std::string version_text();     // one line, without a line break

}  // namespace quandex::cli
