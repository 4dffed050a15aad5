// Vocabularies for tests, as the metadata that a GGUF file would hold.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/metadata.h"
#include "text/tokenizer.h"

namespace quandex::testing {

struct TestToken {
  std::string text;
  int32_t type = 1;
  float score = 0;
};

// 256 byte tokens (id = byte), then the results of the merges in order, then `more`. Merges and normal tokens of `more`
// are given as plain text with "|" between the two sides; `pre` "" leaves the key out.
Metadata bpe_metadata(std::string_view pre, const std::vector<std::string>& merges,
                      const std::vector<TestToken>& more = {});

// <unk>, <s>, </s>, then <0x00> to <0xFF> where `with_bytes`, then `tokens` as stored.
Metadata spm_metadata(const std::vector<TestToken>& tokens, bool with_bytes = true);

void set_tokens(Metadata& metadata, const std::vector<TestToken>& tokens, bool with_scores);

std::string read_file(const std::filesystem::path& path);

using Ids = std::vector<int32_t>;

}  // namespace quandex::testing
