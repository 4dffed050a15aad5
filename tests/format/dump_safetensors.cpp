// dump_safetensors FILE...: one line a file, "refused MESSAGE" or its tensors as NAME:DTYPE:SHAPE:BYTES, sorted by
// name.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "format/safetensors_files.h"

namespace {

std::string dump(const char* path) {
  const quandex::SafetensorsFiles file(path);
  std::vector<std::string> lines;
  for (const quandex::SafetensorsTensor& tensor : file.tensors()) {
    std::string bytes;
    for (const std::byte byte : tensor.bytes) bytes += fmt::format("{:02x}", static_cast<unsigned>(byte));
    lines.push_back(fmt::format("{}:{}:{}:{}", tensor.name, tensor.dtype, fmt::join(tensor.shape, ","), bytes));
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, " "));
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    try {
      std::printf("%s\n", dump(argv[i]).c_str());
    } catch (const quandex::Error& error) {
      std::printf("refused %s\n", error.what());
    }
  }
  return 0;
}
