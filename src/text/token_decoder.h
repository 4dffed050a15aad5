// Token texts back to text: the stages "decoder" of tokenizer.json, as a stream. However the tokens are cut into
// pushes, what comes out is what decoding all of them at once gives.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "text/json_field.h"

namespace quandex {

// What a stage remembers of one stream.
struct DecoderState {
  size_t n_tokens = 0;  // seen
  size_t n_stripped = 0;
  bool is_past_start = false;  // nothing more is to be stripped off the start
  std::string held;            // what waits for what comes next
};

class DecoderStage {
 public:
  // What a stage passes on: a token, or, behind a stage that joins tokens, a part of the one text.
  using Next = FunctionRef<void(std::string_view)>;

  virtual ~DecoderStage() = default;
  virtual void push(std::string_view token, DecoderState& state, Next next) const = 0;
  // Passes on what is held at the end.
  virtual void finish(DecoderState&, Next) const {}
  // Whether all tokens come out as one.
  virtual bool joins() const { return false; }
};

class TokenDecoder {
 public:
  // JSON null: tokens joined by spaces. Throws Error{unsupported} or Error{invalid_file} naming the field.
  explicit TokenDecoder(const JsonField& field);

  class Stream {
   public:
    // `at_start`: the first token pushed is the first of a text. The decoder must outlive the stream.
    Stream(const TokenDecoder& decoder, bool at_start);
    void push(std::string_view token, std::string& text);
    void finish(std::string& text);

   private:
    void push_from(size_t level, std::string_view token, std::string& text);

    const TokenDecoder* decoder_;
    std::vector<DecoderState> states_;
  };

 private:
  std::string source_;
  std::vector<std::unique_ptr<const DecoderStage>> stages_;
};

}  // namespace quandex
