// tokenizer.ggml.merges: pairs of tokens that become one, the first of the list first.
#pragma once

#include "format/metadata.h"
#include "text/pair_table.h"
#include "text/vocabulary.h"

namespace quandex {

// Throws Error{invalid_file} where the key is absent or a merge is of anything but tokens of the vocabulary.
PairTable read_merges(const Metadata& metadata, const Vocabulary& vocabulary);

}  // namespace quandex
