// Arbitrary bytes as a llama2.c checkpoint and as its vocabulary: an Error, or tensors that lie in the file and a
// vocabulary that encodes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/error.h"
#include "format/llama2c.h"
#include "text/llama2c_vocabulary.h"
#include "text/vocabulary.h"

namespace {

using quandex::Error;

void require(bool claim) {
  if (!claim) std::abort();
}

template <typename Action>
void allow_error(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    require(std::string_view(error.what()).substr(0, 6) == "fuzz: ");
  }
}

void read_as_file(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("llama2c", MFD_CLOEXEC);
  require(fd >= 0);
  require(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  {
    const quandex::Llama2cFile file("/proc/self/fd/" + std::to_string(fd));
    for (const std::string& name : file.names()) {
      const auto tensor = file.find(name);
      require(tensor.has_value());
      std::vector<float> values(static_cast<size_t>(tensor->rows() * tensor->cols()));
      quandex::decode_row(tensor->type, tensor->planes[0], values);
      file.release(name);
    }
  }
  ::close(fd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  allow_error([&] {
    const quandex::Llama2cHeader header = quandex::parse_llama2c_header(file, "fuzz");
    require(quandex::llama2c_file_bytes(header) == size);
    require(quandex::looks_like_llama2c(file));
    read_as_file(file);
  });
  for (const int n_vocab : {1, 12, 120}) {
    allow_error([&] {
      quandex::Metadata metadata("fuzz");
      quandex::read_llama2c_vocabulary(file, "fuzz", n_vocab, metadata);
      require(quandex::Vocabulary(metadata).size() == n_vocab);
    });
  }
  return 0;
}
