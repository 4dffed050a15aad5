// SentencePiece-style BPE (tokenizer.ggml.model = llama): spaces become U+2581, a text starts as its characters, and
// neighbours merge to the token with the best score, or by the rank of their merge where the file asks for that.
// Characters that are no token become byte tokens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"
#include "text/merge.h"
#include "text/pair_table.h"
#include "text/text_index.h"
#include "text/text_table.h"
#include "text/vocabulary.h"

namespace quandex {

// In front of which parts of a text the dummy space goes; tokens that are matched whole divide a text into parts.
enum class SpacePrefix : uint8_t {
  every_part,        // what GGUF implies, and Hugging Face's normalizer Prepend
  not_user_defined,  // SentencePiece, to which user-defined tokens are text like any other
  first_part,        // only where nothing is in front: Metaspace with prepend_scheme "first"
};
std::string_view space_prefix_name(SpacePrefix prefix);

// What a part of a text has beside it.
enum class Beside : uint8_t { nothing, control, user_defined };

class SpmEncoder {
 public:
  // The vocabulary must outlive it.
  SpmEncoder(const Metadata& metadata, const Vocabulary& vocabulary);

  // Appends the ids of `text`, a part that must be valid UTF-8 and hold no token that is to be matched whole. It may be
  // empty: SentencePiece puts its dummy space in front of user-defined tokens too.
  void encode(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const;

  // The token's bytes.
  std::string_view bytes(int32_t token) const { return bytes_[static_cast<size_t>(token)]; }
  bool adds_space_prefix() const { return adds_space_prefix_; }

  // SentencePiece cannot tell U+2581 in a text from a space, nor can its user-defined tokens, which have spaces.
  bool takes_mark_for_space() const { return space_prefix_ == SpacePrefix::not_user_defined; }
  static std::string mark_to_space(std::string_view text);

 private:
  bool has_prefix(std::string_view text, Beside before, Beside after) const;
  void read_bytes(const Metadata& metadata, const Vocabulary& vocabulary);
  void find_whole_pieces(const std::vector<int32_t>& not_in_model);
  void encode_part(std::string_view part, Merger& merger, std::vector<int32_t>& ids) const;
  std::optional<int32_t> find_piece(std::string_view text) const;
  void add_symbols(std::string_view part, Merger& merger) const;
  void merge_part(std::string_view part, Merger& merger) const;
  bool has_bytes(std::string_view character) const;
  void append_bytes(std::string_view character, std::vector<int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  bool adds_space_prefix_;
  SpacePrefix space_prefix_ = SpacePrefix::every_part;
  bool prefixes_unless_space_;       // no dummy space where the part begins with a space
  std::optional<PairTable> merges_;  // nothing: merged by scores
  bool splits_at_spaces_ = true;     // no token has a space after another character, so none merges across such a place
  TextTable bytes_;
  TextIndex pieces_;            // tokens that text can become, by their stored text
  std::vector<bool> is_whole_;  // [token] its text alone becomes the token: no merging needed
  size_t longest_piece_bytes_ = 0;
  std::array<int32_t, 256> byte_tokens_{};  // -1: none
  int32_t unknown_;
};

}  // namespace quandex
