// What tokenizers_peer_test.py asks of a tokenizer of ours: reads requests from standard input, writes answers to
// standard output, each with its length in front (u32, little-endian). A request is a letter and its payload:
//   e, s  a text: its ids, special tokens being text or parsed; i32 each
//   p     a text: its ids as a prompt
//   d, D  ids: their text without and with special tokens; a stream of the same ids must give the same
// Usage: encode_lines FOLDER|tokenizer.json. Exit status 3 and a message where the tokenizer is refused.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/hf_vocabulary.h"
#include "text/hf_vocabulary_parts.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

Metadata read_tokenizer(const std::filesystem::path& path) {
  Metadata metadata(path.string());
  if (std::filesystem::is_directory(path)) {
    add_hf_vocabulary(path, 0, metadata);
  } else {
    HfVocabulary vocabulary = parse_tokenizer_json(read_json_file(path), path.string(), 0);
    write_vocabulary(vocabulary, metadata);
  }
  return metadata;
}

void answer(std::string_view bytes, std::string& out) {
  const auto size = static_cast<uint32_t>(bytes.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out.append(bytes);
}

void answer_ids(const std::vector<int32_t>& ids, std::string& out) {
  answer({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)}, out);
}

void answer_text(const Tokenizer& tokenizer, std::string_view payload, bool special, std::string& out) {
  std::vector<int32_t> ids(payload.size() / sizeof(int32_t));
  if (!ids.empty()) std::memcpy(ids.data(), payload.data(), ids.size() * sizeof(int32_t));
  const std::string whole = to_valid_utf8(tokenizer.decode(ids, special));
  Detokenizer detokenizer(tokenizer, {}, special, true);
  std::string streamed;
  for (const int32_t id : ids) streamed += detokenizer.push(id);
  streamed += detokenizer.finish();
  answer(streamed == whole ? whole : "STREAM DIFFERS: '" + streamed + "' from '" + whole + "'", out);
}

int run(const char* path) {
  const Metadata metadata = read_tokenizer(path);
  const auto tokenizer = make_tokenizer(metadata);
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  std::string out;
  for (size_t at = 0; at + 5 <= input.size();) {
    const char kind = input[at];
    uint32_t size = 0;
    std::memcpy(&size, input.data() + at + 1, sizeof size);
    const std::string_view payload = std::string_view(input).substr(at + 5, size);
    at += 5 + size_t{size};
    switch (kind) {
      case 'e':
      case 's':
        answer_ids(tokenizer->encode(payload, kind == 's'), out);
        break;
      case 'p':
        answer_ids(tokenizer->encode_prompt(payload, true), out);
        break;
      default:
        answer_text(*tokenizer, payload, kind == 'D', out);
    }
  }
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() ? 0 : 1;
}

}  // namespace
}  // namespace quandex

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  quandex::log_to_stderr("encode_lines");
  try {
    return quandex::run(argv[1]);
  } catch (const quandex::Error& error) {
    std::cerr << error.what() << "\n";
    return 3;
  }
}
