#include "text/piece_model.h"

#include "base/error.h"

namespace quandex {

int32_t ModelSource::token(const JsonField& text) const {
  if (text.is_absent()) return -1;
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    if (has[static_cast<size_t>(id)] && vocabulary.text(id) == text.string()) return id;
  text.refuse("a token of the model");
}

std::unique_ptr<const PieceModel> make_piece_model(const ModelSource& source) {
  const JsonField type = source.settings["type"];
  if (type.string() == "BPE") return make_char_bpe(source);
  if (type.string() == "Unigram") return make_unigram(source);
  if (type.string() == "WordPiece" || type.string() == "WordLevel") return make_word_piece(source);
  type.refuse_unsupported("BPE, Unigram, WordPiece or WordLevel");
}

}  // namespace quandex
