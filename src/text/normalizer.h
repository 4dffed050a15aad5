// What a tokenizer does to text before it looks for pieces in it: the stages "normalizer" of tokenizer.json.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/json_field.h"

namespace quandex {

// What models count in 32 bits: three symbols can stand for a byte, where a space is three bytes without a token.
inline constexpr size_t kMaxTextBytes = size_t{1} << 29;

// A text on its way through stages that rewrite it.
struct StagedText {
  std::string text;
  size_t n_at_start = 0;  // bytes in front that stand for the first character of the whole input; 0: it is not in here
  size_t max_bytes = std::numeric_limits<size_t>::max();  // more is an Error{unsupported}: stages can multiply a text
};

class NormalizerStage {
 public:
  virtual ~NormalizerStage() = default;
  virtual void apply(StagedText& staged) const = 0;
  // Whether the text is known at a glance to stay as it is.
  virtual bool surely_keeps(std::string_view text) const = 0;
};

class Normalizer {
 public:
  Normalizer() = default;
  // An absent field: no stages. Throws Error{unsupported} or Error{invalid_file} naming the field.
  explicit Normalizer(const JsonField& field);

  void apply(StagedText& staged) const;
  bool surely_keeps(std::string_view text) const;

 private:
  std::string source_;
  std::vector<std::unique_ptr<const NormalizerStage>> stages_;
};

}  // namespace quandex
