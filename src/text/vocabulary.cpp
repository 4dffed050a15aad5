#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"

namespace quandex {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";

// Tokens that end a turn in the chat formats of well-known models; files often name only one of several.
constexpr std::array<std::string_view, 9> kStopTexts = {"<|eot_id|>",    "<|eom_id|>",      "<|im_end|>",
                                                        "<|end|>",       "<end_of_turn>",   "</s>",
                                                        "<|endoftext|>", "<|end_of_text|>", "<|eot|>"};

const MetaArray* number_array(const Metadata& metadata, std::string_view key, size_t n_tokens) {
  const MetaArray* array = metadata.array(key);
  if (array == nullptr) return nullptr;
  if (array->element == MetaType::string)
    throw Error(ErrorCode::invalid_file, "{}: {} is an array of string, expected numbers", metadata.source(), key);
  if (array->count != n_tokens)
    throw Error(ErrorCode::invalid_file, "{}: {} has {} entries, expected {} as in {}", metadata.source(), key,
                array->count, n_tokens, kTokensKey);
  return array;
}

}  // namespace

Vocabulary::Vocabulary(const Metadata& metadata) {
  const std::vector<std::string>* tokens = metadata.strings(kTokensKey);
  if (tokens == nullptr || tokens->empty())
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, so the file has no tokenizer", metadata.source(), kTokensKey,
                tokens == nullptr ? "absent" : "empty");
  if (tokens->size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    throw Error(ErrorCode::invalid_file, "{}: {} has {} entries, more than a token id can count", metadata.source(),
                kTokensKey, tokens->size());
  size_t n_bytes = 0;
  for (const std::string& token : *tokens) n_bytes += token.size();
  texts_.reserve(tokens->size(), n_bytes);
  for (const std::string& token : *tokens) texts_.add(token);
  by_text_ = TextIndex(tokens->size());
  for (int32_t id = 0; id < size(); ++id) by_text_.add(text(id), id);
  read_types(metadata);
  read_scores(metadata);
  for (const int32_t id : token_ids(metadata, "quandex.tokenizer.strip_left", *this)) strips_left_.insert(id);
  for (const int32_t id : token_ids(metadata, "quandex.tokenizer.strip_right", *this)) strips_right_.insert(id);
}

void Vocabulary::read_types(const Metadata& metadata) {
  types_.assign(texts_.size(), TokenType::normal);
  const MetaArray* array = number_array(metadata, kTypesKey, texts_.size());
  if (array == nullptr) {
    // Without types, texts that no vocabulary has for anything else tell.
    for (int32_t id = 0; id < size(); ++id)
      if (parse_byte_token(text(id))) types_[static_cast<size_t>(id)] = TokenType::byte;
    for (const auto& [key, type] : {std::pair{"tokenizer.ggml.unknown_token_id", TokenType::unknown},
                                    std::pair{"tokenizer.ggml.bos_token_id", TokenType::control},
                                    std::pair{"tokenizer.ggml.eos_token_id", TokenType::control}})
      if (const int32_t id = special_id(metadata, key, *this); id >= 0) types_[static_cast<size_t>(id)] = type;
    return;
  }
  for (size_t i = 0; i < types_.size(); ++i) {
    const int64_t value = array->integer(i);
    if (value < 0 || value > 6)
      throw Error(ErrorCode::invalid_file, "{}: {}[{}] is {}, expected 0 to 6", metadata.source(), kTypesKey, i, value);
    types_[i] = value == 0 ? TokenType::normal : static_cast<TokenType>(value);
  }
}

void Vocabulary::read_scores(const Metadata& metadata) {
  const MetaArray* array = number_array(metadata, kScoresKey, texts_.size());
  if (array == nullptr) return;
  scores_.resize(texts_.size());
  for (size_t i = 0; i < scores_.size(); ++i) {
    scores_[i] = static_cast<float>(array->real(i));
    if (std::isnan(scores_[i]))
      throw Error(ErrorCode::invalid_file, "{}: {}[{}] is not a number", metadata.source(), kScoresKey, i);
  }
}

int32_t special_id(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary) {
  constexpr int64_t kAbsent = std::numeric_limits<uint32_t>::max();
  const int64_t id = metadata.integer(key, kAbsent);
  if (id == kAbsent || id == -1) return -1;
  if (id < 0 || id >= vocabulary.size())
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected an id below {}", metadata.source(), key, id,
                vocabulary.size());
  return static_cast<int32_t>(id);
}

std::vector<int32_t> token_ids(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary) {
  std::vector<int32_t> ids;
  const MetaArray* const array = metadata.array(key);
  for (size_t i = 0; array != nullptr && i < array->count; ++i) {
    const int64_t id = array->element == MetaType::string ? -1 : array->integer(i);
    if (id < 0 || id >= vocabulary.size())
      throw Error(ErrorCode::invalid_file, "{}: {}[{}] is {}, expected an id below {}", metadata.source(), key, i, id,
                  vocabulary.size());
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

SpecialTokens read_special_tokens(const Metadata& metadata, const Vocabulary& vocabulary, SpecialDefaults defaults) {
  SpecialTokens special;
  const auto id_or_text = [&](std::string_view key, std::string_view text) {
    if (metadata.has(key) || !defaults.uses_sentencepiece_texts) return special_id(metadata, key, vocabulary);
    return vocabulary.find(text).value_or(-1);
  };
  special.bos = id_or_text("tokenizer.ggml.bos_token_id", "<s>");
  special.eos = id_or_text("tokenizer.ggml.eos_token_id", "</s>");
  special.add_bos = metadata.boolean("tokenizer.ggml.add_bos_token", defaults.add_bos);
  special.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token", false);

  const auto add_stop = [&](int32_t id) {
    if (id >= 0 && std::ranges::find(special.stop_ids, id) == special.stop_ids.end()) special.stop_ids.push_back(id);
  };
  add_stop(special.eos);
  for (const int32_t id : token_ids(metadata, "quandex.eos_token_ids", vocabulary)) add_stop(id);
  add_stop(special_id(metadata, "tokenizer.ggml.eot_token_id", vocabulary));
  add_stop(special_id(metadata, "tokenizer.ggml.eom_token_id", vocabulary));
  for (const std::string_view text : kStopTexts)
    if (const auto id = vocabulary.find(text); id && vocabulary.is_special(*id)) add_stop(*id);
  return special;
}

std::optional<uint8_t> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(3, 2)) {
    const bool is_digit = c >= '0' && c <= '9', is_upper = c >= 'A' && c <= 'F', is_lower = c >= 'a' && c <= 'f';
    if (!is_digit && !is_upper && !is_lower) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(is_digit ? c - '0' : is_upper ? c - 'A' + 10 : c - 'a' + 10);
  }
  return static_cast<uint8_t>(value);
}

}  // namespace quandex
