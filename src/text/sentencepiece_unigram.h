// Unigram with the normalization of SentencePiece itself, as GGUF's t5 vocabularies and tokenizer.model mean it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/charsmap.h"
#include "text/piece_model.h"
#include "text/spm.h"

namespace quandex {

class SentencePieceUnigram {
 public:
  // Reads tokenizer.ggml.precompiled_charsmap, add_space_prefix and remove_extra_whitespaces.
  SentencePieceUnigram(const Metadata& metadata, std::unique_ptr<const PieceModel> model);

  // As SpmEncoder has it.
  void encode(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const;

  // The text that the model sees. Beside user-defined tokens a text goes on.
  std::string normalize(std::string_view text, Beside before, Beside after) const;

 private:
  std::string source_;
  std::optional<Charsmap> map_;
  bool adds_space_prefix_, removes_extra_spaces_;
  std::unique_ptr<const PieceModel> model_;
};

}  // namespace quandex
