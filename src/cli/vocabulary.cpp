#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/model_shapes.h"

namespace quandex::cli {
namespace {

constexpr int32_t kNormalToken = 1, kControlToken = 3, kUnusedToken = 5;  // tokenizer.ggml.token_type

// How byte-level BPE spells a byte: printable characters of Latin-1 as themselves, the others as U+0100 and up in
// order.
std::vector<std::string> byte_spellings() {
  std::vector<std::string> spellings;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    std::string spelling;
    append_utf8(printable ? byte : next++, spelling);
    spellings.push_back(std::move(spelling));
  }
  return spellings;
}

struct Vocabulary {
  std::vector<std::string> tokens, merges;
};

// Words in order of length, so that both halves of every merge come before it.
Vocabulary make_words(size_t n_tokens) {
  Vocabulary vocabulary{byte_spellings(), {}};
  CHECK(n_tokens >= vocabulary.tokens.size());
  const std::string space = vocabulary.tokens[' '];
  std::vector<std::string> shorter;
  for (char letter = 'a'; letter <= 'z'; ++letter) shorter.emplace_back(1, letter);
  shorter.insert(shorter.begin(), space);
  while (true) {
    std::vector<std::string> longer;
    for (const std::string& word : shorter) {
      for (char letter = 'a'; letter <= 'z'; ++letter) {
        if (vocabulary.tokens.size() == n_tokens) return vocabulary;
        longer.push_back(word + letter);
        vocabulary.tokens.push_back(longer.back());
        vocabulary.merges.push_back(fmt::format("{} {}", word, letter));
      }
    }
    shorter = std::move(longer);
  }
}

constexpr const char* kChatTemplate =
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

}  // namespace

void add_vocabulary(Metadata& metadata, const ModelShape& shape) {
  const auto first_special = static_cast<size_t>(shape.vocab - shape.n_special);
  Vocabulary vocabulary = make_words(first_special);
  std::vector<int32_t> types(first_special, kNormalToken);
  const auto add_control = [&](std::string text, int32_t type) {
    vocabulary.tokens.push_back(std::move(text));
    types.push_back(type);
    return static_cast<uint32_t>(vocabulary.tokens.size() - 1);
  };
  const bool has_bos = shape.architecture == "llama";
  const uint32_t end_of_text = add_control("<|endoftext|>", kControlToken);
  add_control("<|im_start|>", kControlToken);
  const uint32_t end_of_turn = add_control("<|im_end|>", kControlToken);
  const uint32_t bos = has_bos ? add_control("<|begin_of_text|>", kControlToken) : end_of_text;
  while (vocabulary.tokens.size() < static_cast<size_t>(shape.vocab))
    add_control(fmt::format("<|unused_{}|>", vocabulary.tokens.size()), kUnusedToken);

  metadata.set_string("tokenizer.ggml.model", "gpt2");
  metadata.set_string("tokenizer.ggml.pre", std::string(shape.pre_tokenizer));
  metadata.set_strings("tokenizer.ggml.tokens", std::move(vocabulary.tokens));
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  metadata.set_strings("tokenizer.ggml.merges", std::move(vocabulary.merges));
  metadata.set_u32("tokenizer.ggml.bos_token_id", bos);
  metadata.set_u32("tokenizer.ggml.eos_token_id", end_of_turn);
  metadata.set_u32("tokenizer.ggml.eot_token_id", end_of_turn);
  metadata.set_u32("tokenizer.ggml.padding_token_id", end_of_text);
  metadata.set_bool("tokenizer.ggml.add_bos_token", has_bos);
  metadata.set_string("tokenizer.chat_template", kChatTemplate);
}

}  // namespace quandex::cli
