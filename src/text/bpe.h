// Byte-level BPE (tokenizer.ggml.model = gpt2): text is split into pieces, a piece starts as its bytes, and neighbours
// merge by rank.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "format/metadata.h"
#include "text/merge.h"
#include "text/pair_table.h"
#include "text/pre_tokenizer.h"
#include "text/text_index.h"
#include "text/text_table.h"
#include "text/vocabulary.h"

namespace quandex {

class BpeEncoder {
 public:
  // Reads tokenizer.ggml.merges. The vocabulary must outlive it. `ignore_merges`: a piece that is a token is taken
  // whole, whether merges lead to it or not.
  BpeEncoder(const Metadata& metadata, const Vocabulary& vocabulary, PreTokenizer pre_tokenizer, bool ignore_merges);

  // Appends the ids of `text`, which must be valid UTF-8 and hold no token that is to be matched whole.
  void encode(TextPiece text, std::vector<int32_t>& ids) const;

  // The token's bytes.
  std::string_view bytes(int32_t token) const { return bytes_[static_cast<size_t>(token)]; }

 private:
  class Run;
  void index_whole_pieces(const Vocabulary& vocabulary);
  void merge_piece(std::string_view piece, Merger& merger) const;

  PreTokenizer pre_tokenizer_;
  TextTable bytes_;
  std::array<int32_t, 256> byte_tokens_{};  // -1: the vocabulary lacks the byte
  int32_t unknown_;                         // stands for lacking bytes; -1: they are left out
  PairTable merges_;
  TextIndex whole_pieces_;  // tokens that a piece becomes whatever the merges say; of ignore_merges only
  size_t longest_whole_piece_bytes_ = 0;
};

}  // namespace quandex
