// The table of pre-tokenizers that tokenizer.ggml.pre names: the regular expressions by which each vocabulary family
// splits text into the pieces that byte-level BPE never merges across.
#pragma once

#include <span>
#include <string>
#include <string_view>
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

}  // namespace quandex
