#include "text/merges.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace quandex {

PairTable read_merges(const Metadata& metadata, const Vocabulary& vocabulary) {
  constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";
  const std::vector<std::string>* const merges = metadata.strings(kMergesKey);
  if (merges == nullptr)
    throw Error(ErrorCode::invalid_file, "{}: {} is absent, expected the merges of a {} vocabulary", metadata.source(),
                kMergesKey, metadata.string("tokenizer.ggml.model", "gpt2"));
  PairTable table(merges->size());
  std::string result_text;
  for (size_t rank = 0; rank < merges->size(); ++rank) {
    const std::string_view merge = (*merges)[rank];
    const size_t space = merge.find(' ', 1);  // from 1: a space may itself be the left side
    if (space == std::string_view::npos || space + 1 == merge.size())
      throw Error(ErrorCode::invalid_file, "{}: {}[{}] is '{}', expected two tokens with a space between",
                  metadata.source(), kMergesKey, rank, merge);
    const auto token_of = [&](std::string_view text) {
      if (const auto id = vocabulary.find(text)) return *id;
      throw Error(ErrorCode::invalid_file, "{}: {}[{}] is '{}', but '{}' is not in the vocabulary", metadata.source(),
                  kMergesKey, rank, merge, text);
    };
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    result_text.assign(left).append(right);
    const int32_t left_token = token_of(left), right_token = token_of(right);
    table.add(left_token, right_token, {static_cast<uint32_t>(rank), token_of(result_text)});
  }
  return table;
}

}  // namespace quandex
