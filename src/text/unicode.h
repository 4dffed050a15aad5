// Classes and mappings of characters that the stages of tokenizers ask for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quandex {

bool is_white_space(char32_t c);        // the property White_Space
bool is_number(char32_t c);             // general category N: digits, and what counts otherwise
bool is_punctuation(char32_t c);        // general category P, and the ASCII symbols
bool is_mark(char32_t c);               // general category M
bool is_nonspacing_mark(char32_t c);    // general category Mn
bool is_control_or_format(char32_t c);  // general categories Cc, Cf and Co
bool is_word_character(char32_t c);     // \w of regular expressions: Alphabetic, M, Nd, Pc and the joiners
bool is_cjk_ideograph(char32_t c);      // as BERT has it

// The lower case of one character, which of U+0130 alone is two.
void append_lower_case(char32_t c, std::string& out);

enum class NormalForm : uint8_t { nfc, nfd, nfkc, nfkd };
// `text` is valid UTF-8. Throws Error{out_of_memory}.
std::string to_normal_form(std::string_view text, NormalForm form);

// Text of which it is known at a glance that it is the normal form itself.
bool is_surely_normal(std::string_view text, NormalForm form);

// Bytes of the first extended grapheme cluster of a text that is not empty, and valid.
size_t grapheme_size(std::string_view text);

}  // namespace quandex
