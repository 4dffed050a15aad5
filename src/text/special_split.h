// Finds the tokens that are matched in text as a whole, before a model sees what lies between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/function_ref.h"
#include "text/text_trie.h"

namespace quandex {

struct MatchedToken {
  int32_t token = -1;
  bool is_special = false;                         // matched only on request
  bool strips_left = false, strips_right = false;  // white space beside it belongs to it
  bool is_single_word = false;                     // not beside a character of a word
};

class SpecialMatcher {
 public:
  struct Entry {
    std::string_view text;  // must outlive the matcher
    MatchedToken token;
  };
  // Of entries with the same text the first counts.
  explicit SpecialMatcher(std::vector<Entry> entries);

  // Calls part(text, token) for all of `text` in order: for each match with its token, for what lies between with null.
  // The leftmost match counts, of those that begin there the longest; one that is then not wanted (special where
  // `special` is false, or part of a word) hides what it overlaps. White space is shared out afterwards: a token of
  // white space that the match before has taken in is a match all the same, unless it strips both sides.
  void split(std::string_view text, bool special, FunctionRef<void(std::string_view, const MatchedToken*)> part) const;

 private:
  std::vector<MatchedToken> tokens_;
  TextTrie trie_;  // to indices of tokens_
};

}  // namespace quandex
