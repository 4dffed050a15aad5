// SentencePiece-style BPE (tokenizer.ggml.model = llama): spaces become U+2581, a text starts as its characters, and
// neighbours merge to the token with the best score. Characters that are no token become byte tokens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"
#include "text/merge.h"
#include "text/text_index.h"
#include "text/text_table.h"
#include "text/vocabulary.h"

namespace quandex {

class SpmEncoder {
 public:
  // The vocabulary must outlive it.
  SpmEncoder(const Metadata& metadata, const Vocabulary& vocabulary);

  // Appends the ids of `text`, which must be valid UTF-8 and hold no token that is to be matched whole.
  // `is_start`: nothing or a special token is in front of it, where the dummy space goes.
  void encode(std::string_view text, bool is_start, std::vector<int32_t>& ids) const;

  // The token's bytes.
  std::string_view bytes(int32_t token) const { return bytes_[static_cast<size_t>(token)]; }
  bool adds_space_prefix() const { return adds_space_prefix_; }

 private:
  void read_bytes(const Metadata& metadata, const Vocabulary& vocabulary);
  void find_whole_pieces();
  void encode_part(std::string_view part, Merger& merger, std::vector<int32_t>& ids) const;
  void merge_part(std::string_view part, Merger& merger) const;
  void append_bytes(std::string_view character, std::vector<int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  bool adds_space_prefix_;
  bool splits_at_spaces_ = true;  // no token has a space after another character, so none merges across such a place
  TextTable bytes_;
  TextIndex pieces_;            // tokens that text can become, by their stored text
  std::vector<bool> is_whole_;  // [token] its text alone becomes the token: no merging needed
  size_t longest_piece_bytes_ = 0;
  std::array<int32_t, 256> byte_tokens_{};  // -1: none
  int32_t unknown_;
};

}  // namespace quandex
