// Arbitrary bytes as a safetensors file: an Error or a header whose tensors fill the file.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "format/safetensors.h"

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

void check(const quandex::SafetensorsHeader& header, std::span<const std::byte> file) {
  std::unordered_set<std::string_view> names;
  uint64_t end = header.data_offset;
  unsigned sum = 0;
  for (const quandex::SafetensorsTensor& tensor : header.tensors) {
    require(names.insert(tensor.name).second);
    require(tensor.offset >= header.data_offset && tensor.offset <= file.size());
    require(tensor.bytes.data() == file.data() + tensor.offset);
    auto n_bytes = static_cast<uint64_t>(quandex::safetensors_type_bytes(tensor.dtype).value());
    for (const int64_t dim : tensor.shape) n_bytes *= static_cast<uint64_t>(dim);
    require(n_bytes == tensor.bytes.size());
    for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);  // the sanitizer sees every read
    end += n_bytes;
  }
  require(end == file.size());
  require(sum <= 255 * file.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    check(quandex::parse_safetensors_header(file, "fuzz"), file);
  } catch (const quandex::Error& error) {
    require(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
