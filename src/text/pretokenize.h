// Splits text into the pieces that byte-level BPE never merges across, by the regular expressions of each vocabulary
// family (tokenizer.ggml.pre).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "text/split_pattern.h"

namespace quandex {

// What a value of tokenizer.ggml.pre stands for.
struct PreTokenizerRule {
  std::string_view name;
  std::span<const std::string_view> patterns;  // each splits the pieces of the one before into matches and gaps
  bool ignore_merges = false;  // a piece that is a token is taken whole, whether merges lead to it or not
  bool add_bos = false;        // unless the file says otherwise
};
std::span<const PreTokenizerRule> pre_tokenizer_rules();

// Throws Error{unsupported} for an unknown name, listing the known ones.
const PreTokenizerRule& find_pre_tokenizer_rule(std::string_view name, std::string_view source);

// The rule that splits by exactly these patterns, if there is one: of several the first that treats merges so, else the
// first.
const PreTokenizerRule* find_pre_tokenizer_rule(std::span<const std::string> patterns, bool ignore_merges);

class PreTokenizer {
 public:
  explicit PreTokenizer(const PreTokenizerRule& rule);

  // Calls piece() with consecutive parts of `text`, none empty, that together are all of it. `text` must be valid
  // UTF-8. May be called by several threads. Throws Error where the matcher runs out of memory.
  void split(std::string_view text, FunctionRef<void(std::string_view)> piece) const;

 private:
  void split_level(size_t level, std::string_view text, FunctionRef<void(std::string_view)> piece) const;

  std::vector<SplitPattern> patterns_;
};

}  // namespace quandex
