// A prompt in the very tokens that were computed before, where its text is the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace quandex::cli {

// A model may write a text in other tokens than the tokenizer would choose, and then K/V of its answer is no prefix of
// the next prompt's. `prompt` in the tokens of `computed` as far as both are, between one control token and the next,
// the same text with the same control tokens; from there on as it is. Tokens are never joined across control tokens, so
// the text stays the same.
std::vector<int32_t> with_computed_tokens(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                                          std::span<const int32_t> computed);

}  // namespace quandex::cli
