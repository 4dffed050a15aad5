// Models that give ids to the pieces of a pre-tokenizer, each alone: what "model" of tokenizer.json can be, for
// vocabularies of characters. (Byte-level BPE is in bpe.h, BPE as GGUF's llama vocabularies have it in spm.h.)
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "format/metadata.h"
#include "text/json_field.h"
#include "text/vocabulary.h"

namespace quandex {

class PieceModel {
 public:
  virtual ~PieceModel() = default;
  // Appends the ids of a piece, which is valid UTF-8 and not empty. May be called by several threads.
  virtual void encode(std::string_view piece, std::vector<int32_t>& ids) const = 0;
};

// What all of them are made of. All must outlive the model.
struct ModelSource {
  const Metadata& metadata;
  const Vocabulary& vocabulary;
  // The settings, as tokenizer.json has them beside the vocabulary. The type is one of these:
  JsonField settings;
  std::vector<bool> has = {};  // [token] the model can give it; else it is only matched as a whole, or fills a hole

  int32_t token(const JsonField& text) const;  // the id of a text that the model must have, -1 for an absent field
};

// settings["type"]: BPE, Unigram, WordPiece or WordLevel. Throws Error{unsupported} or Error{invalid_file}.
std::unique_ptr<const PieceModel> make_piece_model(const ModelSource& source);

std::unique_ptr<const PieceModel> make_char_bpe(const ModelSource& source);
std::unique_ptr<const PieceModel> make_unigram(const ModelSource& source);
std::unique_ptr<const PieceModel> make_word_piece(const ModelSource& source);

}  // namespace quandex
