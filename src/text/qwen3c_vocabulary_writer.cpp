#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "text/byte_map.h"
#include "text/qwen3c_vocabulary.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

template <typename T>
void append_number(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

bool is_plain_text(TokenType type) { return type != TokenType::normal && type != TokenType::byte; }

// Ids at the end that only make the vocabulary as long as the embedding.
int count_real_tokens(const Vocabulary& vocabulary) {
  int n = vocabulary.size();
  while (n > 0 && vocabulary.type(n - 1) == TokenType::unused &&
         vocabulary.text(n - 1) == fmt::format("[PAD{}]", n - 1))
    --n;
  return n;
}

const std::vector<std::string>& merges_of(const Metadata& metadata) {
  for (const auto& [key, expected] : {std::pair{"tokenizer.ggml.model", "gpt2"}, {"tokenizer.ggml.pre", "qwen2"}}) {
    if (const std::string found = metadata.string(key); found != expected) {
      throw Error(ErrorCode::unsupported, "{}: {} is '{}', but vocabularies of qwen3.c are always '{}'",
                  metadata.source(), key, found, expected);
    }
  }
  const std::vector<std::string>* merges = metadata.strings(kMergesKey);
  if (merges == nullptr) throw Error(ErrorCode::invalid_file, "{}: key {} is missing", metadata.source(), kMergesKey);
  return *merges;
}

// Rank of the merge that makes each text.
std::unordered_map<std::string, size_t> ranks_of(const std::vector<std::string>& merges) {
  std::unordered_map<std::string, size_t> ranks;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    std::string result = merges[rank];
    if (const size_t space = result.find(' ', 1); space != std::string::npos) result.erase(space, 1);
    ranks[std::move(result)] = rank;
  }
  return ranks;
}

size_t count_characters(std::string_view text) {
  size_t n = 0;
  for (; !text.empty(); ++n) text.remove_prefix(static_cast<size_t>(decode_utf8(text).n_bytes));
  return n;
}

uint32_t id_or_none(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary) {
  return static_cast<uint32_t>(special_id(metadata, key, vocabulary));  // -1, absent, is the largest number
}

[[noreturn]] void refuse(const Metadata& metadata, std::string_view key, size_t index, std::string_view value) {
  throw Error(ErrorCode::unsupported,
              "{}: {}[{}] is '{}', which a vocabulary of qwen3.c cannot express: read back it would be another",
              metadata.source(), key, index, value);
}

void require_equal(const Metadata& metadata, std::string_view key, std::span<const std::string> wanted,
                   std::span<const std::string> got) {
  const auto [at, other] = std::ranges::mismatch(wanted, got);
  if (at != wanted.end()) refuse(metadata, key, static_cast<size_t>(at - wanted.begin()), *at);
  if (other != got.end()) refuse(metadata, key, static_cast<size_t>(other - got.begin()), "absent");
}

// What is written is read back before anyone sees it: tokens and merges must be the same.
void verify(const Metadata& metadata, const Vocabulary& vocabulary, std::string_view bytes) {
  Metadata back(std::string(metadata.source()));
  try {
    read_qwen3c_vocabulary(std::as_bytes(std::span(bytes)), metadata.source(), vocabulary.size(), back);
  } catch (const Error& error) {
    throw Error(ErrorCode::unsupported, "the vocabulary cannot be written for qwen3.c: {}", error.what());
  }
  require_equal(metadata, kTokensKey, *metadata.strings(kTokensKey), *back.strings(kTokensKey));
  require_equal(metadata, kMergesKey, merges_of(metadata), *back.strings(kMergesKey));
  const Vocabulary again(back);
  int n_changed = 0;
  int32_t last = 0;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const auto is_matched_whole = [&](const Vocabulary& v) {
      return v.is_special(id) || v.type(id) == TokenType::user_defined;
    };
    if (is_matched_whole(vocabulary) != is_matched_whole(again)) ++n_changed, last = id;
  }
  if (n_changed > 0) {
    LOG(warn, "convert",
        "{}: {} tokens are special here or there but not in both, such as {} '{}': qwen3.c tells them by <...>",
        metadata.source(), n_changed, last, vocabulary.text(last));
  }
}

}  // namespace

std::string qwen3c_vocabulary_bytes(const Metadata& metadata) {
  const Vocabulary vocabulary(metadata);
  const auto ranks = ranks_of(merges_of(metadata));
  size_t longest = 0;
  std::string entries;
  for (int32_t id = 0, n = count_real_tokens(vocabulary); id < n; ++id) {
    const std::string text(vocabulary.text(id));
    longest = std::max(longest, count_characters(text));
    const auto rank = ranks.find(text);
    const bool is_merged = rank != ranks.end() && !is_plain_text(vocabulary.type(id));
    append_number(entries, is_merged ? static_cast<float>(-std::log(static_cast<double>(rank->second + 1))) : -1e6f);
    const std::string token = is_plain_text(vocabulary.type(id)) ? text : from_byte_characters(text);
    append_number(entries, static_cast<uint32_t>(token.size()));
    entries += token;
  }
  std::string bytes;
  append_number(bytes, static_cast<uint32_t>(longest));
  append_number(bytes, id_or_none(metadata, "tokenizer.ggml.bos_token_id", vocabulary));
  append_number(bytes, id_or_none(metadata, "tokenizer.ggml.eos_token_id", vocabulary));
  bytes += entries;
  verify(metadata, vocabulary, bytes);
  return bytes;
}

}  // namespace quandex
