#include "text/llama2c_vocabulary.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_reader.h"
#include "base/check.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr size_t kMinTokenBytes = 8;                 // score and length
constexpr int32_t kUnknown = 0, kBos = 1, kEos = 2;

// As SentencePiece stores it; BOS and EOS have line ends around them in the file.
std::string stored_text(std::string_view text) {
  if (text == "\n<s>\n" || text == "\n</s>\n") return std::string(text.substr(1, text.size() - 2));
  std::string stored;
  for (const char c : text) {
    if (c == ' ')
      stored += kSpace;
    else
      stored += c;
  }
  return stored;
}

TokenType type_of(int32_t id, std::string_view text) {
  if (id == kUnknown) return TokenType::unknown;
  if (id == kBos || id == kEos) return TokenType::control;
  if (text.empty()) return TokenType::unused;
  return parse_byte_token(text) ? TokenType::byte : TokenType::normal;
}

}  // namespace

std::optional<std::filesystem::path> find_llama2c_vocabulary(const std::filesystem::path& model, int n_vocab) {
  const std::array<std::string, 3> names = {model.stem().string() + ".tokenizer.bin", fmt::format("tok{}.bin", n_vocab),
                                            "tokenizer.bin"};
  for (const std::string& name : names) {
    std::filesystem::path path = model.parent_path() / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return std::nullopt;
}

void read_llama2c_vocabulary(std::span<const std::byte> file, std::string_view name, int n_vocab, Metadata& metadata) {
  CHECK(n_vocab >= 1);
  ByteReader reader(file, name);
  reader.number<uint32_t>("length of the longest token");  // sized a buffer of llama2.c; every length is checked here
  if (reader.left() / kMinTokenBytes < static_cast<uint64_t>(n_vocab)) {
    throw Error(ErrorCode::invalid_file, "{}: {} bytes cannot hold the {} tokens of the checkpoint", name, file.size(),
                n_vocab);
  }
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  for (int32_t id = 0; id < n_vocab; ++id) {
    scores.push_back(reader.number<float>("score"));
    const auto n_bytes = reader.number<int32_t>("token length");
    if (!std::isfinite(scores.back()) || n_bytes < 0) {
      throw Error(ErrorCode::invalid_file, "{}: token {} has score {} and {} bytes, expected finite and at least 0",
                  name, id, scores.back(), n_bytes);
    }
    const std::string_view text = reader.text(static_cast<uint64_t>(n_bytes), "token");
    if (!is_valid_utf8(text)) throw Error(ErrorCode::invalid_file, "{}: token {} is not valid UTF-8", name, id);
    types.push_back(static_cast<int32_t>(type_of(id, text)));
    texts.push_back(stored_text(text));
  }
  if (reader.left() != 0) {
    throw Error(ErrorCode::invalid_file,
                "{}: {} bytes after the {} tokens of the checkpoint: they do not belong together", name, reader.left(),
                n_vocab);
  }
  metadata.set_string("tokenizer.ggml.model", "llama");
  metadata.set_strings("tokenizer.ggml.tokens", std::move(texts));
  metadata.set_f32s("tokenizer.ggml.scores", scores);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  const auto set_id = [&](const char* key, int32_t id) {
    if (id < n_vocab) metadata.set_u32(key, static_cast<uint32_t>(id));
  };
  set_id("tokenizer.ggml.unknown_token_id", kUnknown);
  set_id("tokenizer.ggml.bos_token_id", kBos);
  set_id("tokenizer.ggml.eos_token_id", kEos);
  metadata.set_bool("tokenizer.ggml.add_bos_token", true);
  metadata.set_bool("tokenizer.ggml.add_eos_token", false);
  metadata.set_bool("tokenizer.ggml.add_space_prefix", true);
}

}  // namespace quandex
