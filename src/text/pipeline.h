// The one tokenizer there is: tokens that are matched as a whole, normalizer, pre-tokenizer and model, post-processor;
// and a decoder. Files differ by what these are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/piece_encoder.h"
#include "text/post_processor.h"
#include "text/sentencepiece_unigram.h"
#include "text/special_split.h"
#include "text/spm.h"
#include "text/text_table.h"
#include "text/token_decoder.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace quandex {

using Encoder = std::variant<BpeEncoder, SpmEncoder, PieceEncoder, SentencePieceUnigram>;

struct PipelineParts {
  std::unique_ptr<const Vocabulary> vocabulary;
  Normalizer normalizer;
  Encoder encoder;
  SpecialTokens special;
  std::optional<PostProcessor> post_processor;  // nothing: BOS and EOS as `special` says
  std::optional<TokenDecoder> decoder;          // nothing: the bytes of the encoder's tokens, one after the other
  std::string word_piece_prefix;  // normal tokens are stored with phantom spaces instead; empty: they are not
};

class Pipeline final : public Tokenizer {
 public:
  // Reads which tokens are matched how (quandex.tokenizer.single_word, .normalized).
  Pipeline(const Metadata& metadata, PipelineParts parts);

  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;
  std::vector<int32_t> encode_prompt(std::string_view text, bool parse_special) const override;
  void append(int32_t token, std::string& bytes, bool special) const override;
  std::unique_ptr<TokenStream> stream(bool at_start) const override;
  int n_vocab() const override { return parts_.vocabulary->size(); }
  const SpecialTokens& special() const override { return parts_.special; }
  bool is_control(int32_t token) const override {
    return parts_.vocabulary->contains(token) && parts_.vocabulary->type(token) == TokenType::control;
  }
  std::optional<int32_t> find(std::string_view token_text) const override {
    return parts_.vocabulary->find(token_text);
  }
  std::string_view token_text(int32_t token) const override {
    return parts_.vocabulary->contains(token) ? parts_.vocabulary->text(token) : std::string_view();
  }

 private:
  class PlainStream;
  class StagedStream;
  // A part of a text: one token, or what a model is to see.
  struct Part {
    TextPiece text;
    int32_t token = -1;
  };

  void match_tokens(const Metadata& metadata);
  template <typename Visit>
  void for_each_part(std::string_view text, bool parse_special, const Visit& visit) const;
  Beside kind_of(int32_t token) const;
  void encode_part(TextPiece text, Beside before, Beside after, std::vector<int32_t>& ids) const;
  bool sees_empty_parts() const;
  bool is_shown(int32_t token, bool special) const;
  bool drops_first_space() const;
  std::string_view bytes(int32_t token) const;
  std::string spelled(int32_t token) const;

  PipelineParts parts_;
  TextTable normalized_texts_;
  std::unordered_map<int32_t, std::string> normal_spellings_;  // of tokens that the normalizer changes: what they match
  std::optional<SpecialMatcher> verbatim_, normalized_;        // matched before and after the normalizer
};

}  // namespace quandex
