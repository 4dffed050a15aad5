// The vocabulary of a llama2.c checkpoint, a file of its own: u32 length of the longest token, then for each token f32
// score, i32 length and the bytes. Tokens are SentencePiece's with U+2581 turned back into spaces; ids 0, 1 and 2 are
// unknown, BOS and EOS.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "format/metadata.h"

namespace quandex {

// Beside the checkpoint NAME.bin, the first of NAME.tokenizer.bin, tok<n_vocab>.bin and tokenizer.bin.
std::optional<std::filesystem::path> find_llama2c_vocabulary(const std::filesystem::path& model, int n_vocab);

// Sets the tokenizer.ggml.* keys of a `llama` vocabulary. `name` is the file's, for messages. Throws
// Error{invalid_file} where the file does not hold exactly n_vocab tokens.
void read_llama2c_vocabulary(std::span<const std::byte> file, std::string_view name, int n_vocab, Metadata& metadata);

}  // namespace quandex
