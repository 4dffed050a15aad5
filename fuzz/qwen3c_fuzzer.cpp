// Arbitrary bytes as a qwen3.c checkpoint, or as its vocabulary: an Error, or tensors that lie in the file and a
// vocabulary that makes a tokenizer. Files that begin with the magic are checkpoints.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/error.h"
#include "format/qwen3c.h"
#include "text/qwen3c_vocabulary.h"
#include "text/vocabulary.h"

namespace {

using quandex::Error;

constexpr int kVocab = 300;

void require(bool claim) {
  if (!claim) std::abort();
}

void read_checkpoint(std::span<const std::byte> file) {
  const quandex::Qwen3cHeader header = quandex::parse_qwen3c_header(file, "fuzz");
  require(quandex::qwen3c_file_bytes(header) == file.size());
  for (const quandex::Qwen3cTensor& tensor : quandex::qwen3c_tensors(header)) {
    const uint64_t n_scales = tensor.n_values / static_cast<uint64_t>(header.group_size);
    const uint64_t bytes = tensor.is_quantized() ? tensor.n_values + 4 * n_scales : 4 * tensor.n_values;
    require(tensor.offset <= file.size() && bytes <= file.size() - tensor.offset);
  }
}

// The same through a file, as programs read it, down to the values.
void read_as_file(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("qwen3c", MFD_CLOEXEC);
  require(fd >= 0);
  require(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  try {
    const quandex::Qwen3cFile file("/proc/self/fd/" + std::to_string(fd));
    for (const std::string& name : file.names()) {
      const auto tensor = file.find(name);
      require(tensor.has_value());
      std::vector<float> row(static_cast<size_t>(tensor->cols()));
      decode_row(*tensor, tensor->rows() - 1, row);
      file.release(name);
    }
  } catch (const Error& error) {
    require(error.what()[0] != '\0');
  }
  ::close(fd);
}

void read_vocabulary(std::span<const std::byte> file) {
  quandex::Metadata metadata("fuzz");
  quandex::read_qwen3c_vocabulary(file, "fuzz", kVocab, metadata);
  require(quandex::Vocabulary(metadata).size() == kVocab);
  // Written again it is refused or says the same.
  std::string written;
  try {
    written = quandex::qwen3c_vocabulary_bytes(metadata);
  } catch (const Error&) {
    return;
  }
  quandex::Metadata again("fuzz");
  quandex::read_qwen3c_vocabulary(std::as_bytes(std::span(written)), "fuzz", kVocab, again);
  require(*metadata.strings("tokenizer.ggml.merges") == *again.strings("tokenizer.ggml.merges"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    if (quandex::looks_like_qwen3c(file)) {
      read_checkpoint(file);
      read_as_file(file);
    } else {
      read_vocabulary(file);
    }
  } catch (const Error& error) {
    require(std::string_view(error.what()).substr(0, 6) == "fuzz: ");
  }
  return 0;
}
