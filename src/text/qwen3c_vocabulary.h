// The vocabulary and the prompt templates of a qwen3.c checkpoint NAME.bin, files of their own.
//
// NAME.bin.tokenizer: u32 length of the longest token (in characters of its byte-mapped text), u32 BOS, u32 EOS, then
// for each id f32 score, u32 length and the bytes. The score of a token that a merge makes is -ln(rank + 1), that of
// any other -1e6: merges are not stored, but they follow from that order. The checkpoint may have more ids than the
// file.
//
// NAME.bin.template and three variants: texts with %s where the system prompt and the user's go.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"

namespace quandex {

std::filesystem::path qwen3c_vocabulary_path(const std::filesystem::path& model);

// Sets the tokenizer.ggml.* keys of a `gpt2` vocabulary of n_vocab tokens; ids that the file lacks are unused tokens
// "[PAD<id>]". `name` is the file's, for messages. Throws Error{invalid_file}, also where a token's score contradicts
// its bytes so that no merge can have made it.
void read_qwen3c_vocabulary(std::span<const std::byte> file, std::string_view name, int n_vocab, Metadata& metadata);

// The file for the vocabulary in the metadata. Throws Error{unsupported} for one that would not come back the same.
std::string qwen3c_vocabulary_bytes(const Metadata& metadata);

struct Qwen3cTemplate {
  std::string_view suffix;  // of the file, behind NAME.bin
  std::string_view key;     // of the metadata
  std::string_view qwen;    // its text for the models of Qwen3
};
std::span<const Qwen3cTemplate, 4> qwen3c_templates();

// Sets the keys of the templates that lie beside the checkpoint, and quandex.template.family to "qwen3" where all of
// them are those of the Qwen3 models.
void read_qwen3c_templates(const std::filesystem::path& model, Metadata& metadata);

// Writes the vocabulary and the templates beside the checkpoint and returns the paths of what was written: templates
// that the metadata has or, where its chat template is of the Qwen3 family, the known ones; none for other models.
std::vector<std::filesystem::path> write_qwen3c_companions(const std::filesystem::path& model,
                                                           const Metadata& metadata);

}  // namespace quandex
