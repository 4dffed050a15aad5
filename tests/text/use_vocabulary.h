// What the fuzz targets of tokenizers share: whatever vocabulary a file gives must encode and decode, or be refused.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/hf_vocabulary_parts.h"
#include "text/tokenizer.h"

namespace quandex {

inline void require(bool claim) {
  if (!claim) std::abort();
}

// Throws Error only where the vocabulary is refused.
inline void use_vocabulary(HfVocabulary vocabulary, std::string_view text) {
  Metadata metadata("fuzz");
  write_vocabulary(vocabulary, metadata);
  const auto tokenizer = make_tokenizer(metadata);
  for (const bool parse_special : {false, true}) {
    const std::vector<int32_t> ids = tokenizer->encode(text, parse_special);
    for (const int32_t id : ids) require(id >= 0 && id < tokenizer->n_vocab());
    (void)tokenizer->decode(ids, true);
  }
  (void)tokenizer->encode_prompt(text, true);
}

}  // namespace quandex
