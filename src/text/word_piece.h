// How GGUF stores the tokens of WordPiece: those that begin a word with U+2581 in front, those that go on without their
// prefix.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/metadata.h"

namespace quandex {

// Whether the file's normal tokens are stored so.
bool stores_phantom_spaces(const Metadata& metadata);

// From the stored form to that of tokenizer.json, and back; nothing where the stored form would read as another token.
std::string spelled_word_piece(std::string_view stored, std::string_view prefix);
std::optional<std::string> phantom_word_piece(std::string_view spelled, std::string_view prefix);

}  // namespace quandex
