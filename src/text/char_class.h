// A set of characters as regular expressions write it: ranges and general categories, or all but those. The categories
// are utf8proc's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace quandex {

// Bits of the general categories that a name such as "L" or "Lu" stands for; 0 for other names.
uint32_t categories_of(std::string_view name);

class CharClass {
 public:
  void add(char32_t first, char32_t last);
  void add_categories(uint32_t categories) { categories_ |= categories; }
  // Unicode's White_Space property.
  void add_white_space();
  void add_all_but_white_space();
  // After all is added.
  void negate() { is_negated_ = true; }
  // After that, before any question.
  void seal();

  // Whether the byte is a character of the class by itself: false for those that begin longer ones.
  bool contains_as_one_byte(uint8_t byte) const { return ascii_[byte]; }
  bool contains(char32_t c) const { return c < 128 ? ascii_[c] : contains_by_rule(c); }
  bool has_beyond_ascii() const { return reach_ != 0; }
  // Whether no character is in both, as far as a glance tells.
  bool is_surely_apart_from(const CharClass& other) const;

 private:
  bool contains_by_rule(char32_t c) const;

  std::vector<std::pair<char32_t, char32_t>> ranges_;  // first and last
  uint32_t categories_ = 0;
  bool is_negated_ = false;
  std::array<bool, 256> ascii_{};  // false from 128 on
  uint32_t reach_ = 0;             // categories that characters of it beyond ASCII can have
};

}  // namespace quandex
