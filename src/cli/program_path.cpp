#include "cli/program_path.h"

#include <system_error>

#include "base/error.h"

namespace quandex::cli {

std::filesystem::path program_path() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw Error(ErrorCode::device, "cannot find this program's own file: {}", error.message());
  return path;
}

}  // namespace quandex::cli
