// Pre-tokenizer and model of characters: each piece of a text becomes ids by itself.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "text/piece_model.h"
#include "text/pre_tokenizer.h"

namespace quandex {

class PieceEncoder {
 public:
  PieceEncoder(PreTokenizer pre_tokenizer, std::unique_ptr<const PieceModel> model)
      : pre_tokenizer_(std::move(pre_tokenizer)), model_(std::move(model)) {}

  void encode(TextPiece text, std::vector<int32_t>& ids) const {
    pre_tokenizer_.split(text, [&](std::string_view piece) { model_->encode(piece, ids); });
  }

 private:
  PreTokenizer pre_tokenizer_;
  std::unique_ptr<const PieceModel> model_;
};

}  // namespace quandex
