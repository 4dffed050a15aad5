// Splits text into the pieces that a model gives ids to, each alone: the stages "pre_tokenizer" of tokenizer.json, and
// the rules that tokenizer.ggml.pre names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "text/json_field.h"
#include "text/pre_tokenizer_rules.h"

namespace quandex {

struct TextPiece {
  std::string_view text;
  size_t n_at_start = 0;  // as in StagedText
};

class PreTokenizerStage {
 public:
  virtual ~PreTokenizerStage() = default;
  // Calls next() with the parts of a piece, in order; parts may be empty.
  virtual void split(TextPiece piece, FunctionRef<void(TextPiece)> next) const = 0;
};

class PreTokenizer {
 public:
  // What the last of several ByteLevel stages does with bytes: spells them in letters for a model of characters, or
  // leaves them to a model of bytes.
  enum class Bytes : uint8_t { spelled, kept };

  explicit PreTokenizer(const PreTokenizerRule& rule);
  // An absent field: every text is one piece. Throws Error{unsupported} or Error{invalid_file} naming the field.
  PreTokenizer(const JsonField& field, Bytes bytes);

  // Calls piece() with each piece, none empty. `text` must be valid UTF-8. May be called by several threads.
  void split(std::string_view text, FunctionRef<void(std::string_view)> piece) const { split({text, 0}, piece); }
  void split(TextPiece text, FunctionRef<void(std::string_view)> piece) const;

 private:
  void split_level(size_t level, TextPiece text, size_t max_bytes, FunctionRef<void(std::string_view)> piece) const;

  std::string source_;
  std::vector<std::unique_ptr<const PreTokenizerStage>> stages_;
};

}  // namespace quandex
