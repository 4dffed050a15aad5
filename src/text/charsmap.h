// SentencePiece's precompiled_charsmap: a double array that maps texts to their normal form, and these forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quandex {

class Charsmap {
 public:
  // `bytes` as SentencePiece stores them. Throws Error{invalid_file} "SOURCE: …".
  Charsmap(std::string_view bytes, std::string_view source);

  struct Match {
    size_t n_bytes;  // of the text
    std::string_view replacement;
  };
  // What stands for the shortest, or longest, beginning of `text` that the map has.
  std::optional<Match> find_shortest(std::string_view text) const { return find(text, true); }
  std::optional<Match> find_longest(std::string_view text) const { return find(text, false); }

 private:
  std::optional<Match> find(std::string_view text, bool shortest) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
};

}  // namespace quandex
