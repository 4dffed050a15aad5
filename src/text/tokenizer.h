// Text to token ids and back. Implementations are immutable after construction and may be used by several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"

namespace quandex {

struct SpecialTokens {
  int32_t bos = -1, eos = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  std::vector<int32_t> stop_ids;  // ids that end a generation: eos, eot, eom and what the file names besides
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of the text alone, without BOS or EOS. `parse_special`: the text of control tokens ("<|im_start|>") becomes
  // their ids; otherwise it is text like any other. Invalid UTF-8 is replaced as Unicode prescribes.
  virtual std::vector<int32_t> encode(std::string_view text, bool parse_special) const = 0;

  // Appends the token's bytes: control tokens as their text where `special`, else nothing; unknown ids nothing.
  virtual void append(int32_t token, std::string& bytes, bool special) const = 0;

  // The bytes of the first token of a text where they differ (SentencePiece drops the dummy space in front).
  virtual bool strips_leading_space() const { return false; }

  virtual int n_vocab() const = 0;
  virtual const SpecialTokens& special() const = 0;
  virtual bool is_control(int32_t token) const = 0;
  virtual std::optional<int32_t> find(std::string_view token_text) const = 0;  // a token by its exact stored text
  virtual std::string_view token_text(int32_t token) const = 0;                // as stored in the vocabulary

  // encode() with BOS and EOS as the file asks for.
  std::vector<int32_t> encode_prompt(std::string_view text, bool parse_special) const;
  // All tokens' bytes, leading space dropped where the tokenizer does so.
  std::string decode(std::span<const int32_t> tokens, bool special) const;
};

// From a GGUF's tokenizer.ggml.* keys. Throws Error{invalid_file} or Error{unsupported} naming key, found and expected.
std::unique_ptr<Tokenizer> make_tokenizer(const Metadata& metadata);

}  // namespace quandex
