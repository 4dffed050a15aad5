// What the readers of Hugging Face's tokenizer files have in common: the vocabulary on its way to GGUF's keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "format/metadata.h"
#include "text/json_field.h"
#include "text/spm.h"
#include "text/vocabulary.h"

namespace quandex {

struct HfToken {
  std::string text;
  std::optional<TokenType> type;  // nothing: no token has this id
  double score = 0;
  bool is_in_model = false;  // not only matched as a whole
  bool strips_left = false, strips_right = false, is_single_word = false, is_normalized = false;
};

// Tokens by id. Ids are bounded before anything is allocated for them: by the rows of the embedding, or, where those
// are not known, by a small multiple of the number of tokens.
class HfTokens {
 public:
  HfTokens(int n_vocab, size_t n_expected, std::string_view source);

  // A token of the model. Throws where the id is out of bounds or taken, or the text is.
  void add(int64_t id, std::string text, TokenType type, double score = 0);
  // A token that is matched in text as a whole. It may be one of the model's; one beyond the embedding is left out.
  void add_matched(const JsonField& field, int64_t id);

  std::optional<int32_t> find(std::string_view text) const;
  HfToken& operator[](int32_t id) { return tokens_[static_cast<size_t>(id)]; }
  std::span<const HfToken> all() const { return tokens_; }
  bool has_any_normalized() const;
  // Holes, and ids up to `n_vocab`, as tokens that no text has.
  void pad();

 private:
  HfToken& take(int64_t id, const std::string& text);

  struct Slot {
    uint32_t hash = 0;
    int32_t id = kNoToken;
  };
  static constexpr int32_t kNoToken = -1;
  // The slot of the token with this text, or the free one where it belongs.
  size_t slot_of(std::string_view text, uint32_t hash) const;
  void grow_slots(size_t n_texts);

  int64_t n_vocab_;
  size_t max_tokens_;
  std::string source_;
  std::vector<HfToken> tokens_;
  std::vector<Slot> slots_;  // a hash table of the texts, of which `n_texts_` are in it
  size_t n_texts_ = 0;
};

// Stages that GGUF cannot express, as the JSON text that tokenizer.json has for them; nothing where GGUF's keys imply
// them.
struct HfStages {
  std::optional<std::string> normalizer = {}, pre_tokenizer = {}, model = {}, post_processor = {}, decoder = {};
};

struct HfVocabulary {
  HfTokens tokens;
  std::string post_processor = {};  // its JSON text, of use where other files name other tokens than it adds
  std::string model;                // tokenizer.ggml.model
  std::string pre = "default";
  std::vector<std::string> merges = {};                      // "left right"
  std::optional<std::vector<std::string>> merge_pairs = {};  // left, right, …: instead, where that is ambiguous
  std::optional<bool> ignores_merges = {};
  bool merges_by_rank = false;  // of a llama vocabulary
  bool normalizes_nfc = false;
  bool adds_space_prefix = true;
  SpacePrefix space_prefix = SpacePrefix::every_part;
  bool prefixes_unless_space = false;
  std::optional<bool> removes_extra_spaces = {};      // of a t5 vocabulary
  std::string charsmap = {};                          // of a t5 vocabulary, as SentencePiece stores it
  std::optional<std::string> word_piece_prefix = {};  // tokens are to be stored with phantom spaces instead
  HfStages stages = {};
  int32_t bos = -1, eos = -1, unknown = -1, padding = -1;  // -1: the file does not say
  std::optional<bool> adds_bos = {}, adds_eos = {};
};

// `bytes` of a tokenizer.model. Throws Error{invalid_file} or Error{unsupported}.
HfVocabulary parse_sentencepiece_model(std::span<const std::byte> bytes, std::string_view source, int n_vocab);

// The value of a tokenizer.json.
HfVocabulary parse_tokenizer_json(const Json& json, std::string_view source, int n_vocab);

// The files beside it that say which tokens are special and when a text ends; each may be absent.
struct HfFolder {
  explicit HfFolder(const std::filesystem::path& folder);

  struct File {
    std::string source;
    Json json;  // null where there is no such file
    JsonField field() const { return {json, source}; }
  };
  File tokenizer_config, special_tokens_map, added_tokens, generation_config, config;
};

// general.sampling.*, where generation_config.json recommends to sample.
void add_recommended_sampling(const HfFolder& folder, Metadata& metadata);

// Adds what the folder says to what the tokenizer's own file said, and writes quandex.eos_token_ids.
void apply_special_tokens(const HfFolder& folder, HfVocabulary& vocabulary, Metadata& metadata);

// tokenizer.chat_template and its named companions: from chat_template.jinja and additional_chat_templates/, else
// chat_template.json, else tokenizer_config.json.
void add_chat_templates(const std::filesystem::path& folder, const JsonField& tokenizer_config, Metadata& metadata);

// Sets the keys of the vocabulary, padded; those of special tokens too.
void write_vocabulary(HfVocabulary& vocabulary, Metadata& metadata);

}  // namespace quandex
