// Arbitrary bytes as a GGUF file: an Error or a header whose every tensor lies in the file and can be decoded.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/error.h"
#include "format/gguf.h"

namespace {

using quandex::Error;

constexpr uint64_t kMaxDecodedBytes = 1 << 16;  // of a tensor; keeps an execution short

void require(bool claim) {
  if (!claim) std::abort();
}

template <typename Action>
void allow_error(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    require(error.what()[0] != '\0');
  }
}

void read_array(const quandex::MetaArray& array) {
  if (array.count == 0) return;
  for (const size_t i : {size_t{0}, static_cast<size_t>(array.count - 1)}) {
    allow_error([&] { (void)array.integer(i); });
    allow_error([&] { (void)array.real(i); });
  }
}

void read_every_way(const quandex::Metadata& metadata) {
  for (const auto& [key, value] : metadata.entries()) {
    require(metadata.find(key) == &value);
    allow_error([&] { (void)metadata.integer(key); });
    allow_error([&] { (void)metadata.integer(key, 1); });
    allow_error([&] { (void)metadata.real(key); });
    allow_error([&] { (void)metadata.real(key, 0.5); });
    allow_error([&] { (void)metadata.boolean(key, true); });
    allow_error([&] { (void)metadata.string(key); });
    allow_error([&] { (void)metadata.string(key, ""); });
    allow_error([&] { (void)metadata.strings(key); });
    allow_error([&] {
      if (const quandex::MetaArray* const array = metadata.array(key)) read_array(*array);
    });
  }
}

// From the fuzzer's own buffer, whose end the sanitizer guards to the byte.
void decode_tensors(const quandex::GgufHeader& header, std::span<const std::byte> file) {
  for (const quandex::GgufTensor& tensor : header.tensors) {
    if (tensor.size_bytes == 0) continue;
    require(header.data_offset + tensor.offset + tensor.size_bytes <= file.size());
    const auto type = quandex::dtype_from_gguf(tensor.gguf_type);
    if (!type || tensor.size_bytes > kMaxDecodedBytes) continue;
    uint64_t n_values = 1;
    for (const int64_t dim : tensor.shape) n_values *= static_cast<uint64_t>(dim);
    std::vector<float> values(n_values);
    quandex::decode_row(*type, file.subspan(header.data_offset + tensor.offset, tensor.size_bytes), values);
  }
}

struct Closing {
  int fd;
  ~Closing() { ::close(fd); }
};

// The same through a file, as programs read it.
void read_as_file(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("gguf", MFD_CLOEXEC);
  require(fd >= 0);
  require(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const Closing closing{fd};
  const quandex::GgufFile file("/proc/self/fd/" + std::to_string(fd));
  for (const std::string& name : file.names()) {
    allow_error([&] { require(file.find(name).has_value()); });
    file.release(name);
  }
  require(!file.find("no tensor has this name \n").has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    const quandex::GgufHeader header = quandex::parse_gguf(file, "fuzz");
    read_every_way(header.metadata);
    decode_tensors(header, file);
    if (size % 8 == 0) {  // system calls are slow: a share of the inputs is enough
      const bool is_split = header.metadata.has("split.no") || header.metadata.has("split.count");
      if (is_split) {
        allow_error([&] { read_as_file(file); });  // it is not named as a part
      } else {
        read_as_file(file);
      }
    }
  } catch (const Error& error) {
    require(std::string_view(error.what()).substr(0, 6) == "fuzz: ");
  }
  return 0;
}
