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

// Decodes the tokens of one text as they come. Belongs to one thread.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  // Appends the bytes that the token completes; some wait for what comes next. Control tokens are their text where
  // `special`, else nothing.
  virtual void push(int32_t token, bool special, std::string& bytes) = 0;
  // Appends what waits.
  virtual void finish(std::string& bytes) = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of the text alone, without BOS or EOS. `parse_special`: the text of control tokens ("<|im_start|>") becomes
  // their ids; otherwise it is text like any other. Invalid UTF-8 is replaced as Unicode prescribes.
  virtual std::vector<int32_t> encode(std::string_view text, bool parse_special) const = 0;

  // The same with what the tokenizer puts around a prompt: BOS, EOS and other tokens, as the file asks for.
  virtual std::vector<int32_t> encode_prompt(std::string_view text, bool parse_special) const = 0;

  // Appends the bytes of a token that stands alone, for showing it: control tokens as their text where `special`, else
  // nothing; unknown ids nothing. What a token adds to a text can depend on those before it: see stream().
  virtual void append(int32_t token, std::string& bytes, bool special) const = 0;

  // `at_start`: the first token is the first of a text, of which some tokenizers drop a space. The tokenizer must
  // outlive the stream. Bytes that are no UTF-8 come out as they are.
  virtual std::unique_ptr<TokenStream> stream(bool at_start) const = 0;

  virtual int n_vocab() const = 0;
  virtual const SpecialTokens& special() const = 0;
  virtual bool is_control(int32_t token) const = 0;
  virtual std::optional<int32_t> find(std::string_view token_text) const = 0;  // a token by its exact stored text
  virtual std::string_view token_text(int32_t token) const = 0;                // as stored in the vocabulary

  // A stream of all tokens, from the start of a text.
  std::string decode(std::span<const int32_t> tokens, bool special) const;
};

// From a GGUF's tokenizer.ggml.* keys, and ours where what they say is not enough (hf_vocabulary.h). Throws
// Error{invalid_file} or Error{unsupported} naming key, found and expected.
std::unique_ptr<Tokenizer> make_tokenizer(const Metadata& metadata);

}  // namespace quandex
