#include "text/hf_vocabulary_parts.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/shown.h"
#include "text/word_piece.h"

namespace quandex {
namespace {

uint32_t hash_of(std::string_view text) { return static_cast<uint32_t>(std::hash<std::string_view>()(text)); }

}  // namespace

HfTokens::HfTokens(int n_vocab, size_t n_expected, std::string_view source)
    : n_vocab_(n_vocab),
      max_tokens_(n_vocab > 0 ? static_cast<size_t>(n_vocab)
                              : std::min<size_t>(n_expected * 2 + 4096, std::numeric_limits<int32_t>::max())),
      source_(source) {
  grow_slots(n_expected);
  tokens_.reserve(std::min(max_tokens_, n_expected));
}

HfToken& HfTokens::take(int64_t id, const std::string& text) {
  if (id < 0)
    throw Error(ErrorCode::invalid_file, "{}: token '{}' has the id {}, expected 0 or more", source_, shown(text), id);
  if (static_cast<uint64_t>(id) >= max_tokens_)
    throw Error(ErrorCode::invalid_file, "{}: token '{}' has the id {}, expected one below {}{}", source_, shown(text),
                id, max_tokens_,
                n_vocab_ > 0 ? ", the rows of the embedding: tokenizer and model do not belong together" : "");
  const auto index = static_cast<size_t>(id);
  if (index >= tokens_.size()) tokens_.resize(index + 1);
  return tokens_[index];
}

void HfTokens::add(int64_t id, std::string text, TokenType type, double score) {
  HfToken& token = take(id, text);
  if (token.type)
    throw Error(ErrorCode::invalid_file, "{}: the id {} belongs to the tokens '{}' and '{}', expected one", source_, id,
                shown(token.text), shown(text));
  if (n_texts_ * 2 >= slots_.size()) grow_slots(n_texts_ * 2);
  const uint32_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.id != kNoToken)
    throw Error(ErrorCode::invalid_file, "{}: the token '{}' has the ids {} and {}, expected one", source_, shown(text),
                slot.id, id);
  slot = {hash, static_cast<int32_t>(id)};
  ++n_texts_;
  token.text = std::move(text);
  token.type = type;
  token.score = score;
  token.is_in_model = true;
}

void HfTokens::add_matched(const JsonField& field, int64_t id) {
  const std::string& text = field["content"].string();
  if (text.empty()) field["content"].refuse("a text");
  if (n_vocab_ > 0 && id >= n_vocab_ && !find(text)) {
    LOG(warn, "load", "{}: the embedding has {} rows and none for the added token '{}' (id {}), which is left out",
        source_, n_vocab_, shown(text), id);
    return;
  }
  const bool is_special = field["special"].boolean_or(false);
  HfToken& token = take(id, text);
  if (!token.type) {
    add(id, text, TokenType::normal);
    token.is_in_model = false;
  } else if (token.text != text) {
    throw Error(ErrorCode::invalid_file,
                "{}: the id {} belongs to the token '{}' and the added token '{}', expected one", source_, id,
                shown(token.text), shown(text));
  }
  token.type = is_special ? TokenType::control : TokenType::user_defined;
  token.strips_left = field["lstrip"].boolean_or(false);
  token.strips_right = field["rstrip"].boolean_or(false);
  token.is_single_word = field["single_word"].boolean_or(false);
  token.is_normalized = field["normalized"].boolean_or(!is_special);
}

bool HfTokens::has_any_normalized() const { return std::ranges::any_of(tokens_, &HfToken::is_normalized); }

std::optional<int32_t> HfTokens::find(std::string_view text) const {
  const int32_t id = slots_[slot_of(text, hash_of(text))].id;
  if (id == kNoToken) return std::nullopt;
  return id;
}

size_t HfTokens::slot_of(std::string_view text, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t index = hash & mask;
  while (slots_[index].id != kNoToken &&
         (slots_[index].hash != hash || tokens_[static_cast<size_t>(slots_[index].id)].text != text))
    index = (index + 1) & mask;
  return index;
}

void HfTokens::grow_slots(size_t n_texts) {
  const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(std::bit_ceil(n_texts * 2 + 16)));
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.id == kNoToken) continue;
    size_t index = slot.hash & mask;
    while (slots_[index].id != kNoToken) index = (index + 1) & mask;
    slots_[index] = slot;
  }
}

void HfTokens::pad() {
  if (n_vocab_ > 0) tokens_.resize(static_cast<size_t>(n_vocab_));
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (tokens_[id].type) continue;
    tokens_[id].text = fmt::format("[PAD{}]", id);
    tokens_[id].type = TokenType::unused;
  }
}

namespace {

void set_id(Metadata& metadata, std::string_view name, int32_t id) {
  if (id >= 0) metadata.set_u32(fmt::format("tokenizer.ggml.{}_token_id", name), static_cast<uint32_t>(id));
}

// The ids of the tokens of which something is true.
template <typename IsTrue>
void set_ids(Metadata& metadata, std::string_view key, const HfTokens& tokens, const IsTrue& is_true) {
  std::vector<int32_t> ids;
  for (size_t id = 0; id < tokens.all().size(); ++id)
    if (is_true(tokens.all()[id])) ids.push_back(static_cast<int32_t>(id));
  if (!ids.empty()) metadata.set_i32s(std::string(key), ids);
}

void set_flags(Metadata& metadata, const HfVocabulary& vocabulary) {
  const HfTokens& tokens = vocabulary.tokens;
  set_ids(metadata, "quandex.tokenizer.strip_left", tokens, [](const HfToken& token) { return token.strips_left; });
  set_ids(metadata, "quandex.tokenizer.strip_right", tokens, [](const HfToken& token) { return token.strips_right; });
  set_ids(metadata, "quandex.tokenizer.single_word", tokens, [](const HfToken& token) { return token.is_single_word; });
  const bool are_all_normalized = std::ranges::none_of(tokens.all(), [](const HfToken& token) {
    return (token.type == TokenType::control || token.type == TokenType::user_defined) && !token.is_normalized;
  });
  // Where nothing is normalized, when a token is matched matters only beside those that are matched before.
  if (vocabulary.normalizes_nfc || vocabulary.stages.normalizer || !are_all_normalized)
    set_ids(metadata, "quandex.tokenizer.normalized", tokens, [](const HfToken& token) { return token.is_normalized; });
  if (vocabulary.model == "gpt2") return;  // text never becomes other tokens than bytes and results of merges
  // GGUF implies that the model has no control tokens, and has all others.
  const bool says_all = vocabulary.stages.model.has_value();
  set_ids(metadata, "quandex.tokenizer.not_in_model", tokens, [says_all](const HfToken& token) {
    const bool is_said = token.type == TokenType::user_defined || (says_all && token.type != TokenType::unused);
    return is_said && !token.is_in_model;
  });
}

void set_stages(Metadata& metadata, const HfStages& stages) {
  const auto set = [&](std::string_view name, const std::optional<std::string>& json) {
    if (json) metadata.set_string(fmt::format("quandex.tokenizer.{}", name), *json);
  };
  set("normalizer", stages.normalizer);
  set("pre_tokenizer", stages.pre_tokenizer);
  set("model", stages.model);
  set("post_processor", stages.post_processor);
  set("decoder", stages.decoder);
}

// Scores in single precision, as GGUF has them, and all of them where that is not enough.
void set_scores(Metadata& metadata, const HfTokens& tokens) {
  std::vector<float> scores;
  MetaArray precise{.element = MetaType::f64, .count = tokens.all().size(), .scalars = {}, .strings = {}};
  precise.scalars.resize(8 * tokens.all().size());
  bool is_exact = true;
  for (size_t i = 0; i < tokens.all().size(); ++i) {
    const double score = tokens.all()[i].score;
    scores.push_back(static_cast<float>(score));
    is_exact = is_exact && double{scores.back()} == score;
    const auto bits = std::bit_cast<uint64_t>(score);
    for (size_t k = 0; k < 8; ++k) precise.scalars[8 * i + k] = static_cast<std::byte>(bits >> (8 * k));
  }
  metadata.set_f32s("tokenizer.ggml.scores", scores);
  if (!is_exact) metadata.set("quandex.tokenizer.scores", {MetaType::array, std::move(precise)});
}

void set_bytes(Metadata& metadata, std::string_view key, std::string_view bytes) {
  MetaArray array{.element = MetaType::u8, .count = bytes.size(), .scalars = {}, .strings = {}};
  for (const char byte : bytes) array.scalars.push_back(static_cast<std::byte>(byte));
  metadata.set(std::string(key), {MetaType::array, std::move(array)});
}

// WordPiece's tokens as GGUF stores them; whether that can be is known before.
std::string stored_text(const HfToken& token, const std::optional<std::string>& word_piece_prefix) {
  if (!word_piece_prefix || token.type != TokenType::normal) return token.text;
  return phantom_word_piece(token.text, *word_piece_prefix).value_or(token.text);
}

void set_tokens(Metadata& metadata, const HfVocabulary& vocabulary) {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  texts.reserve(vocabulary.tokens.all().size());
  for (const HfToken& token : vocabulary.tokens.all()) {
    texts.push_back(stored_text(token, vocabulary.word_piece_prefix));
    types.push_back(static_cast<int32_t>(*token.type));
  }
  metadata.set_strings("tokenizer.ggml.tokens", std::move(texts));
  if (vocabulary.model == "llama" || vocabulary.model == "t5") set_scores(metadata, vocabulary.tokens);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
}

void set_merges(Metadata& metadata, HfVocabulary& vocabulary) {
  if (vocabulary.merges_by_rank) metadata.set_bool("quandex.tokenizer.merges_by_rank", true);
  if (vocabulary.merge_pairs)
    metadata.set_strings("quandex.tokenizer.merge_pairs", *std::move(vocabulary.merge_pairs));
  else if (!vocabulary.merges.empty() || vocabulary.model == "gpt2" || vocabulary.model == "bpe")
    metadata.set_strings("tokenizer.ggml.merges", std::move(vocabulary.merges));
}

void set_special_ids(Metadata& metadata, const HfVocabulary& vocabulary) {
  set_id(metadata, "bos", vocabulary.bos);
  set_id(metadata, "eos", vocabulary.eos);
  set_id(metadata, "unknown", vocabulary.unknown);
  set_id(metadata, "padding", vocabulary.padding);
  metadata.set_bool("tokenizer.ggml.add_bos_token", vocabulary.adds_bos.value_or(false));
  metadata.set_bool("tokenizer.ggml.add_eos_token", vocabulary.adds_eos.value_or(false));
  if (vocabulary.model != "bert") return;
  set_id(metadata, "cls", vocabulary.bos);
  set_id(metadata, "seperator", vocabulary.eos);  // GGUF spells it so
}

void set_spaces(Metadata& metadata, const HfVocabulary& vocabulary) {
  metadata.set_bool("tokenizer.ggml.add_space_prefix", vocabulary.adds_space_prefix);
  if (vocabulary.space_prefix != SpacePrefix::every_part)
    metadata.set_string("quandex.tokenizer.space_prefix", std::string(space_prefix_name(vocabulary.space_prefix)));
  if (vocabulary.prefixes_unless_space) metadata.set_bool("quandex.tokenizer.space_prefix_unless_space", true);
  if (vocabulary.removes_extra_spaces)
    metadata.set_bool("tokenizer.ggml.remove_extra_whitespaces", *vocabulary.removes_extra_spaces);
  if (!vocabulary.charsmap.empty()) set_bytes(metadata, "tokenizer.ggml.precompiled_charsmap", vocabulary.charsmap);
}

}  // namespace

void write_vocabulary(HfVocabulary& vocabulary, Metadata& metadata) {
  vocabulary.tokens.pad();
  metadata.set_string("tokenizer.ggml.model", vocabulary.model);
  metadata.set_string("tokenizer.ggml.pre", vocabulary.pre);
  set_tokens(metadata, vocabulary);
  set_merges(metadata, vocabulary);
  set_special_ids(metadata, vocabulary);
  if (vocabulary.model == "llama" || vocabulary.model == "t5") set_spaces(metadata, vocabulary);
  if (vocabulary.model == "bert" && !vocabulary.word_piece_prefix)
    metadata.set_bool("quandex.tokenizer.stored_as_spelled", true);
  if (vocabulary.ignores_merges) metadata.set_bool("quandex.tokenizer.ignore_merges", *vocabulary.ignores_merges);
  if (vocabulary.normalizes_nfc) metadata.set_string("quandex.tokenizer.normalizer", "nfc");
  set_stages(metadata, vocabulary.stages);
  set_flags(metadata, vocabulary);
}

}  // namespace quandex
