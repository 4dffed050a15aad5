// Speed of the tokenizers, one thread: what bench/tokenizer.py runs and puts beside PyPI's `tokenizers`. Prints one
// line of JSON.
//   tokenizer_bench load TOKENIZER             seconds of the processor for one load, from the file to a tokenizer
//   tokenizer_bench encode TOKENIZER REPEATS TEXT IDS [MAX_SECONDS]
//                                              the same for each repeat; the ids go to the file IDS, 32 bits each
//   tokenizer_bench convert TOKENIZER GGUF     the same vocabulary as a GGUF file
// TOKENIZER is a GGUF file or a folder with Hugging Face's files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_map.h"
#include "format/gguf.h"
#include "text/hf_vocabulary.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

// Of the processor, which other programs of the machine do not lengthen; all there is to wait for is in memory.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Metadata read_folder(const std::filesystem::path& folder) {
  constexpr int kAnySize = 0;
  Metadata metadata(folder.string());
  add_hf_vocabulary(folder, kAnySize, metadata);
  return metadata;
}

std::unique_ptr<Tokenizer> load(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return make_tokenizer(read_folder(path));
  return make_tokenizer(GgufFile(path).metadata());
}

void write_ids(const std::filesystem::path& path, std::span<const int32_t> ids) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(ids.size_bytes()));
  if (!file.flush()) throw Error(ErrorCode::io, "{}: cannot be written", path.string());
}

double number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0))
    throw Error(ErrorCode::invalid_argument, "found '{}', expected a positive number", text);
  return value;
}

constexpr bool kParseSpecial = true;  // as `tokenizers` does

void encode(std::span<const std::string_view> arguments) {
  const double n_repeats = number(arguments[1]);
  const double max_seconds = arguments.size() > 4 ? number(arguments[4]) : 1e9;
  const std::unique_ptr<Tokenizer> tokenizer = load(arguments[0]);
  const MappedFile file(std::filesystem::path{arguments[2]});
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  std::vector<int32_t> ids = tokenizer->encode(text, kParseSpecial);  // warms up: pages of the file, tables, caches
  std::vector<double> seconds;
  const double start = processor_seconds();
  while (static_cast<double>(seconds.size()) < n_repeats &&
         (seconds.empty() || processor_seconds() - start < max_seconds)) {
    const double begin = processor_seconds();
    ids = tokenizer->encode(text, kParseSpecial);
    seconds.push_back(processor_seconds() - begin);
  }
  write_ids(arguments[3], ids);
  fmt::print("{{\"seconds\": [{}], \"n_ids\": {}}}\n", fmt::join(seconds, ", "), ids.size());
}

int run(std::span<const std::string_view> arguments) {
  if (arguments.size() == 2 && arguments[0] == "load") {
    const double start = processor_seconds();
    const std::unique_ptr<Tokenizer> tokenizer = load(arguments[1]);
    fmt::print("{{\"seconds\": [{}], \"n_vocab\": {}}}\n", processor_seconds() - start, tokenizer->n_vocab());
  } else if ((arguments.size() == 5 || arguments.size() == 6) && arguments[0] == "encode") {
    encode(arguments.subspan(1));
  } else if (arguments.size() == 3 && arguments[0] == "convert") {
    GgufWriter(arguments[2], read_folder(arguments[1])).finish();
  } else {
    fmt::print(stderr,
               "usage: tokenizer_bench load TOKENIZER\n"
               "       tokenizer_bench encode TOKENIZER REPEATS TEXT IDS [MAX_SECONDS]\n"
               "       tokenizer_bench convert TOKENIZER GGUF\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace quandex

int main(int n_arguments, char** arguments) {
  try {
    return quandex::run(std::vector<std::string_view>(arguments + 1, arguments + n_arguments));
  } catch (const std::exception& error) {
    fmt::print(stderr, "tokenizer_bench: {}\n", error.what());
    return 1;
  }
}
