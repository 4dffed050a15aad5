// Text as Python's str sees it: characters are code points, with Python's classes of them. Texts are valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::jinja {

size_t count_characters(std::string_view text);

// Byte offset of a character, or the size of the text where it has fewer.
size_t byte_offset(std::string_view text, size_t character);

// Decodes the character at `offset` and moves it past it.
char32_t next_character(std::string_view text, size_t& offset);
// Decodes the character before `offset`, which is not 0, and moves it before it.
char32_t previous_character(std::string_view text, size_t& offset);

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_printable(char32_t c);
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);
bool is_line_break(char32_t c);  // where str.splitlines splits

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);        // str.title
std::string to_capitalized(std::string_view text);  // str.capitalize
std::string swap_case(std::string_view text);
std::string to_folded(std::string_view text);  // str.casefold

// \xe9, \u20ac or \U0001f600: how repr() writes a character that it does not print.
void append_escape(char32_t c, std::string& out);

// With escapes for what is not ASCII, as ascii() makes them of a repr.
std::string ascii_text(std::string_view text);

// The value of a decimal digit of any script, or -1.
int decimal_value(char32_t c);

enum class Side : uint8_t { left, right, both };
std::string_view strip_spaces(std::string_view text, Side side);
std::string_view strip_characters(std::string_view text, std::string_view characters, Side side);

std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends);

}  // namespace quandex::jinja
