// Finds the tokens that are matched in text as a whole, before anything else looks at it: user-defined ones always,
// control tokens on request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "text/vocabulary.h"

namespace quandex {

class SpecialMatcher {
 public:
  // The vocabulary must outlive it.
  SpecialMatcher(const Vocabulary& vocabulary, bool with_control);

  struct Match {
    size_t begin, end;
    int32_t token;
  };
  // The leftmost match that begins at `from` or later; among those that begin there, the longest.
  std::optional<Match> find_next(std::string_view text, size_t from) const;

  // Bytes of white space beside a match that belong to it.
  size_t n_stripped_left(std::string_view text, const Match& match) const;
  size_t n_stripped_right(std::string_view text, const Match& match) const;

 private:
  std::optional<Match> longest_at(std::string_view text, size_t begin) const;

  struct Entry {
    std::string_view text;
    int32_t token;
  };
  const Vocabulary& vocabulary_;
  std::vector<Entry> entries_;                           // by text
  std::array<std::pair<size_t, size_t>, 256> ranges_{};  // entries that start with each byte
};

}  // namespace quandex
