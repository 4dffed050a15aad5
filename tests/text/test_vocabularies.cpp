#include "text/test_vocabularies.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "text/byte_map.h"

namespace quandex::testing {

void set_tokens(Metadata& metadata, const std::vector<TestToken>& tokens, bool with_scores) {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  for (const TestToken& token : tokens) {
    texts.push_back(token.text);
    types.push_back(token.type);
    scores.push_back(token.score);
  }
  metadata.set_strings("tokenizer.ggml.tokens", std::move(texts));
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  if (with_scores) metadata.set_f32s("tokenizer.ggml.scores", scores);
}

Metadata bpe_metadata(std::string_view pre, const std::vector<std::string>& merges,
                      const std::vector<TestToken>& more) {
  std::vector<TestToken> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back({to_byte_characters(std::string(1, static_cast<char>(static_cast<uint8_t>(byte))))});
  std::vector<std::string> stored_merges;
  for (const std::string& merge : merges) {
    const size_t bar = merge.find('|');
    const std::string left = to_byte_characters(merge.substr(0, bar)),
                      right = to_byte_characters(merge.substr(bar + 1));
    tokens.push_back({left + right});
    stored_merges.push_back(left + " " + right);
  }
  for (const TestToken& token : more)
    tokens.push_back({token.type == 1 ? to_byte_characters(token.text) : token.text, token.type});
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  if (!pre.empty()) metadata.set_string("tokenizer.ggml.pre", std::string(pre));
  set_tokens(metadata, tokens, false);
  metadata.set_strings("tokenizer.ggml.merges", std::move(stored_merges));
  return metadata;
}

Metadata spm_metadata(const std::vector<TestToken>& tokens, bool with_bytes) {
  std::vector<TestToken> all = {{"<unk>", 2}, {"<s>", 3}, {"</s>", 3}};
  for (int byte = 0; with_bytes && byte < 256; ++byte) all.push_back({fmt::format("<0x{:02X}>", byte), 6});
  all.insert(all.end(), tokens.begin(), tokens.end());
  Metadata metadata("test.gguf");
  metadata.set_string("tokenizer.ggml.model", "llama");
  set_tokens(metadata, all, true);
  return metadata;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace quandex::testing
