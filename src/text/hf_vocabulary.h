// The tokenizer of a Hugging Face folder as the tokenizer.ggml.* keys of GGUF, from which make_tokenizer() builds it.
//
// What GGUF has no key for, and only where it differs from what GGUF implies:
//   quandex.eos_token_ids                      i32 array: all ids that end a generation, where there are several
//   quandex.tokenizer.ignore_merges            bool: otherwise than tokenizer.ggml.pre implies
//   quandex.tokenizer.merges_by_rank           bool: a llama vocabulary merges by tokenizer.ggml.merges, not by scores
//   quandex.tokenizer.merge_pairs              string array: left, right, …, where tokenizer.ggml.merges cannot say it
//   quandex.tokenizer.space_prefix             string: where add_space_prefix puts its space, see SpacePrefix
//   quandex.tokenizer.space_prefix_unless_space bool: not in front of a space
//   quandex.tokenizer.strip_left, strip_right  i32 arrays: tokens that swallow the white space beside them
//   quandex.tokenizer.single_word, normalized  i32 arrays: tokens that must stand alone, or are matched in normal text
//   quandex.tokenizer.not_in_model             i32 array: tokens that are only matched as a whole
//   quandex.tokenizer.scores                   f64 array: where tokenizer.ggml.scores cannot hold them
//   quandex.tokenizer.stored_as_spelled        bool: a bert vocabulary without GGUF's phantom spaces
// and as the JSON text that tokenizer.json has for them, where GGUF's keys do not imply the same:
//   quandex.tokenizer.normalizer               "nfc" and "none" are understood too
//   quandex.tokenizer.pre_tokenizer            instead of the rule of tokenizer.ggml.pre
//   quandex.tokenizer.model                    the model's settings, without its tokens
//   quandex.tokenizer.post_processor           where more goes around a text than BOS and EOS
//   quandex.tokenizer.decoder
#pragma once

#include <filesystem>

#include "format/metadata.h"

namespace quandex {

// Reads tokenizer.json, else tokenizer.model, and beside it tokenizer_config.json, special_tokens_map.json,
// added_tokens.json, generation_config.json, config.json and the chat templates. `n_vocab`: rows of the embedding,
// which tokens are padded to; 0 where it is not known. Throws Error{not_found} where the folder has no tokenizer, and
// Error{unsupported} or Error{invalid_file} naming file, field, found and expected.
void add_hf_vocabulary(const std::filesystem::path& folder, int n_vocab, Metadata& metadata);

}  // namespace quandex
