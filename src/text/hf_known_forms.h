// Which tokenizer.json files GGUF's own keys describe: their stages are then written as those keys and nothing else, so
// that other programs read them too.
#pragma once

#include "text/hf_vocabulary_parts.h"

namespace quandex {

// `root`: the file. Its tokens must have been read. Each sets what it needs to in `vocabulary` and gives true where the
// stages in front of the model, and the model, are of its kind; else `vocabulary` is left as it is.
bool take_byte_level_bpe(const JsonField& root, HfVocabulary& vocabulary);     // gpt2, by a rule of the table
bool take_sentencepiece_bpe(const JsonField& root, HfVocabulary& vocabulary);  // llama
bool take_bert(const JsonField& root, HfVocabulary& vocabulary);               // bert without capitals

// Whether byte-level BPE of our own gives what the model gives to the pieces of a ByteLevel pre-tokenizer.
bool is_plain_byte_level(const JsonField& root, const HfVocabulary& vocabulary);

// The stages of a field, those of Sequences too, in order. `list`: the key of a Sequence's members.
std::vector<JsonField> flat_stages(const JsonField& field, std::string_view list);

}  // namespace quandex
