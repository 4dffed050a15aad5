// The tokens of a GGUF file as stored: text, type, score; and which of them are special. Checked once, here: ids below
// size() are valid everywhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "format/metadata.h"
#include "text/text_index.h"
#include "text/text_table.h"
#include "text/tokenizer.h"

namespace quandex {

// Values of tokenizer.ggml.token_type.
enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

class Vocabulary {
 public:
  // Throws Error{invalid_file} for a missing vocabulary, arrays of different lengths and values out of range.
  explicit Vocabulary(const Metadata& metadata);
  Vocabulary(const Vocabulary&) = delete;  // by_text_ points into texts_
  Vocabulary& operator=(const Vocabulary&) = delete;

  int size() const { return static_cast<int>(texts_.size()); }
  bool contains(int32_t token) const { return token >= 0 && token < size(); }
  std::string_view text(int32_t token) const { return texts_[static_cast<size_t>(token)]; }
  TokenType type(int32_t token) const { return types_[static_cast<size_t>(token)]; }
  bool has_scores() const { return !scores_.empty(); }
  float score(int32_t token) const { return scores_[static_cast<size_t>(token)]; }

  // Control and unknown tokens: matched in text only on request, shown only on request.
  bool is_special(int32_t token) const {
    return type(token) == TokenType::control || type(token) == TokenType::unknown;
  }

  // White space beside such a token in a text belongs to it (quandex.tokenizer.strip_left, strip_right).
  bool strips_left(int32_t token) const { return strips_left_.contains(token); }
  bool strips_right(int32_t token) const { return strips_right_.contains(token); }

  // The lowest id with this text.
  std::optional<int32_t> find(std::string_view text) const { return by_text_.find(text); }

 private:
  void read_types(const Metadata& metadata);
  void read_scores(const Metadata& metadata);

  TextTable texts_;
  std::vector<TokenType> types_;
  std::vector<float> scores_;  // empty where the file has none
  TextIndex by_text_;
  std::unordered_set<int32_t> strips_left_, strips_right_;
};

// The id that a key names: -1 where it is absent or says so (4294967295). Throws where the vocabulary has no such id.
int32_t special_id(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary);

struct SpecialDefaults {
  bool add_bos = false;
  bool uses_sentencepiece_texts = false;  // <s> and </s> are BOS and EOS where the file does not say
};
// Ids that an array names, each checked; empty where the key is absent.
std::vector<int32_t> token_ids(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary);

SpecialTokens read_special_tokens(const Metadata& metadata, const Vocabulary& vocabulary, SpecialDefaults defaults);

// `<0x0A>` to 10; nothing for other texts.
std::optional<uint8_t> parse_byte_token(std::string_view text);

}  // namespace quandex
