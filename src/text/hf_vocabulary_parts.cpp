#include "text/hf_vocabulary_parts.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/shown.h"

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

void HfTokens::add(int64_t id, std::string text, TokenType type, float score) {
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
}

void HfTokens::add_matched(const JsonField& field, int64_t id) {
  const std::string& text = field["content"].string();
  if (text.empty()) field["content"].refuse("a text");
  if (field["single_word"].boolean_or(false))
    field["single_word"].refuse_unsupported("false: tokens that must stand alone are not supported");
  if (n_vocab_ > 0 && id >= n_vocab_ && !find(text)) {
    LOG(warn, "load", "{}: the embedding has {} rows and none for the added token '{}' (id {}), which is left out",
        source_, n_vocab_, shown(text), id);
    return;
  }
  const bool is_special = field["special"].boolean_or(false);
  HfToken& token = take(id, text);
  if (!token.type) {
    add(id, text, TokenType::normal);
  } else if (token.text != text) {
    throw Error(ErrorCode::invalid_file,
                "{}: the id {} belongs to the token '{}' and the added token '{}', expected one", source_, id,
                shown(token.text), shown(text));
  }
  // Unknown and byte tokens remain what they are.
  if (*token.type != TokenType::unknown && *token.type != TokenType::byte)
    token.type = is_special ? TokenType::control : TokenType::user_defined;
  token.strips_left = field["lstrip"].boolean_or(false);
  token.strips_right = field["rstrip"].boolean_or(false);
}

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

void set_strips(Metadata& metadata, const HfTokens& tokens) {
  std::vector<int32_t> left, right;
  for (size_t id = 0; id < tokens.all().size(); ++id) {
    if (tokens.all()[id].strips_left) left.push_back(static_cast<int32_t>(id));
    if (tokens.all()[id].strips_right) right.push_back(static_cast<int32_t>(id));
  }
  if (!left.empty()) metadata.set_i32s("quandex.tokenizer.strip_left", left);
  if (!right.empty()) metadata.set_i32s("quandex.tokenizer.strip_right", right);
}

void set_tokens(Metadata& metadata, const HfTokens& tokens, bool with_scores) {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  texts.reserve(tokens.all().size());
  for (const HfToken& token : tokens.all()) {
    texts.push_back(token.text);
    types.push_back(static_cast<int32_t>(*token.type));
    scores.push_back(token.score);
  }
  metadata.set_strings("tokenizer.ggml.tokens", std::move(texts));
  if (with_scores) metadata.set_f32s("tokenizer.ggml.scores", scores);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
}

}  // namespace

void write_vocabulary(HfVocabulary& vocabulary, Metadata& metadata) {
  const bool is_spm = vocabulary.model == "llama";
  vocabulary.tokens.pad();
  metadata.set_string("tokenizer.ggml.model", vocabulary.model);
  metadata.set_string("tokenizer.ggml.pre", vocabulary.pre);
  set_tokens(metadata, vocabulary.tokens, is_spm);
  if (!vocabulary.merges.empty() || !is_spm) {
    if (is_spm) metadata.set_bool("quandex.tokenizer.merges_by_rank", true);
    metadata.set_strings("tokenizer.ggml.merges", std::move(vocabulary.merges));
  }
  set_id(metadata, "bos", vocabulary.bos);
  set_id(metadata, "eos", vocabulary.eos);
  set_id(metadata, "unknown", vocabulary.unknown);
  set_id(metadata, "padding", vocabulary.padding);
  metadata.set_bool("tokenizer.ggml.add_bos_token", vocabulary.adds_bos.value_or(false));
  metadata.set_bool("tokenizer.ggml.add_eos_token", vocabulary.adds_eos.value_or(false));
  if (is_spm) {
    metadata.set_bool("tokenizer.ggml.add_space_prefix", vocabulary.adds_space_prefix);
    if (vocabulary.space_prefix != SpacePrefix::every_part)
      metadata.set_string("quandex.tokenizer.space_prefix", std::string(space_prefix_name(vocabulary.space_prefix)));
    if (vocabulary.prefixes_unless_space) metadata.set_bool("quandex.tokenizer.space_prefix_unless_space", true);
  }
  if (vocabulary.ignores_merges) metadata.set_bool("quandex.tokenizer.ignore_merges", *vocabulary.ignores_merges);
  if (vocabulary.normalizes_nfc) metadata.set_string("quandex.tokenizer.normalizer", "nfc");
  set_strips(metadata, vocabulary.tokens);
}

}  // namespace quandex
