// Finding, splitting and padding of texts, as Python's str does them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/python_text.h"
#include "text/jinja/runtime.h"

namespace quandex::jinja {

// A piece of a text by characters: text[start:end] with negative numbers counting from its end.
struct TextSpan {
  size_t begin = 0, end = 0;  // bytes
  size_t first = 0;           // the character at `begin`
};
// Nothing where `start` comes after `end`: there nothing is found, not even an empty text.
std::optional<TextSpan> text_span(std::string_view text, size_t n_characters, std::optional<int64_t> start,
                                  std::optional<int64_t> end);

// Where the first or last occurrence begins, or npos. The work is charged as it is done, for it grows with the product
// of the sizes where the text is nearly the part again and again.
size_t find_text(Runtime& runtime, std::string_view text, std::string_view part, size_t from = 0);
size_t find_last_text(Runtime& runtime, std::string_view text, std::string_view part);

// Occurrences that do not overlap; an empty part occurs before every character and at the end.
size_t count_occurrences(Runtime& runtime, std::string_view text, std::string_view part);

// The first `most` occurrences replaced; -1: all.
std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old, std::string_view replacement,
                         int64_t most);

// str.split and str.rsplit; `separator` is not empty, absent stands for runs of whitespace. At most `most` splits
// unless that is negative.
std::vector<std::string_view> split_text(Runtime& runtime, std::string_view text,
                                         std::optional<std::string_view> separator, int64_t most);
std::vector<std::string_view> split_text_from_right(Runtime& runtime, std::string_view text,
                                                    std::optional<std::string_view> separator, int64_t most);

// Characters that str.ljust, rjust and center put on the left and right.
struct Padding {
  size_t left = 0, right = 0;
};
enum class Alignment : uint8_t { left, right, center };
Padding padding(size_t n_characters, int64_t width, Alignment alignment);

}  // namespace quandex::jinja
