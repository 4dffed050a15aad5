#include "text/qwen3c_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/byte_reader.h"
#include "base/check.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_map.h"
#include "text/merge.h"
#include "text/pair_table.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

constexpr float kNotMerged = -1e6f;  // score of tokens that no merge makes

struct Entry {
  float score = 0;
  std::string_view bytes;

  bool is_merged() const { return score > kNotMerged; }
};

struct VocabularyFile {
  uint32_t bos = 0, eos = 0;
  std::vector<Entry> entries;
};

VocabularyFile read_entries(std::span<const std::byte> bytes, std::string_view name, int n_vocab) {
  VocabularyFile file;
  ByteReader reader(bytes, name);
  reader.number<uint32_t>("length of the longest token");  // sizes a buffer of qwen3.c; every length is checked here
  file.bos = reader.number<uint32_t>("BOS id");
  file.eos = reader.number<uint32_t>("EOS id");
  while (reader.left() > 0) {
    const size_t id = file.entries.size();
    if (id == static_cast<size_t>(n_vocab)) {
      throw Error(ErrorCode::invalid_file, "{}: more than the {} tokens of the checkpoint: they do not belong together",
                  name, n_vocab);
    }
    Entry entry;
    entry.score = reader.number<float>("score");
    entry.bytes = reader.text(reader.number<uint32_t>("token length"), "token");
    if (!(entry.score <= 0 && entry.score >= kNotMerged)) {
      throw Error(ErrorCode::invalid_file, "{}: token {} has score {}, expected {} to 0", name, id, entry.score,
                  kNotMerged);
    }
    file.entries.push_back(entry);
  }
  for (const auto& [what, id] : {std::pair{"BOS", file.bos}, std::pair{"EOS", file.eos}}) {
    if (id >= file.entries.size() && id != std::numeric_limits<uint32_t>::max())
      throw Error(ErrorCode::invalid_file, "{}: {} is {}, the file has {} tokens", name, what, id, file.entries.size());
  }
  return file;
}

// Ids of the tokens that merges make, first merge first.
std::vector<int32_t> ids_by_rank(std::span<const Entry> entries, std::string_view name) {
  std::vector<int32_t> ids;
  for (size_t id = 0; id < entries.size(); ++id)
    if (entries[id].is_merged()) ids.push_back(static_cast<int32_t>(id));
  const auto score = [&](int32_t id) { return entries[static_cast<size_t>(id)].score; };
  std::ranges::stable_sort(ids, [&](int32_t a, int32_t b) { return score(a) > score(b); });
  for (size_t i = 1; i < ids.size(); ++i) {
    if (score(ids[i - 1]) == score(ids[i])) {
      throw Error(ErrorCode::invalid_file, "{}: tokens {} and {} have the same score {}, expected one for each merge",
                  name, ids[i - 1], ids[i], score(ids[i]));
    }
  }
  return ids;
}

// What each merge joined. Bytes of its token, merged by all merges of better rank, must leave two pieces: those.
std::vector<std::string> recover_merges(std::span<const Entry> entries, std::string_view name) {
  std::array<int32_t, 256> byte_tokens;
  byte_tokens.fill(-1);
  for (size_t id = entries.size(); id-- > 0;) {
    const Entry& entry = entries[id];
    if (!entry.is_merged() && entry.bytes.size() == 1)
      byte_tokens[static_cast<uint8_t>(entry.bytes[0])] = static_cast<int32_t>(id);
  }
  const std::vector<int32_t> ids = ids_by_rank(entries, name);
  const auto text = [&](int32_t id) { return to_byte_characters(entries[static_cast<size_t>(id)].bytes); };
  std::vector<std::string> merges;
  PairTable joined(ids.size());
  Merger merger;
  std::vector<int32_t> pieces;
  for (const int32_t id : ids) {
    const std::string_view bytes = entries[static_cast<size_t>(id)].bytes;
    merger.clear();
    for (size_t i = 0; i < bytes.size(); ++i)
      merger.add(static_cast<uint32_t>(i + 1), byte_tokens[static_cast<uint8_t>(bytes[i])]);
    merger.merge([&](const MergeSymbol& left, const MergeSymbol& right) -> std::optional<MergeResult> {
      if (left.token < 0 || right.token < 0) return std::nullopt;
      return joined.find(left.token, right.token);
    });
    pieces.clear();
    merger.for_each([&](const MergeSymbol& symbol) { pieces.push_back(symbol.token); });
    if (pieces.size() != 2 || pieces[0] < 0 || pieces[1] < 0) {
      throw Error(
          ErrorCode::invalid_file,
          "{}: token {} of {} bytes and score {} becomes {} pieces by the merges before its own, expected 2 known "
          "ones",
          name, id, bytes.size(), entries[static_cast<size_t>(id)].score, pieces.size());
    }
    joined.add(pieces[0], pieces[1], {static_cast<uint32_t>(merges.size()), id});
    merges.push_back(text(pieces[0]) + " " + text(pieces[1]));
  }
  return merges;
}

// Tokens that were added to a vocabulary are not told from others in the file but by their look.
TokenType type_of(const Entry& entry) {
  const std::string_view text = entry.bytes;
  if (text.empty()) return TokenType::unused;
  if (entry.is_merged() || text.size() < 3 || !text.starts_with('<') || !text.ends_with('>') || !is_valid_utf8(text))
    return TokenType::normal;
  return text.starts_with("<|") && text.ends_with("|>") ? TokenType::control : TokenType::user_defined;
}

}  // namespace

std::filesystem::path qwen3c_vocabulary_path(const std::filesystem::path& model) {
  return model.string() + ".tokenizer";
}

void read_qwen3c_vocabulary(std::span<const std::byte> file, std::string_view name, int n_vocab, Metadata& metadata) {
  CHECK(n_vocab >= 1);
  const VocabularyFile vocabulary = read_entries(file, name, n_vocab);
  std::vector<std::string> merges = recover_merges(vocabulary.entries, name);
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  for (const Entry& entry : vocabulary.entries) {
    const TokenType type = type_of(entry);
    texts.push_back(type == TokenType::normal ? to_byte_characters(entry.bytes) : std::string(entry.bytes));
    types.push_back(static_cast<int32_t>(type));
  }
  for (size_t id = texts.size(); id < static_cast<size_t>(n_vocab); ++id) {
    texts.push_back(fmt::format("[PAD{}]", id));
    types.push_back(static_cast<int32_t>(TokenType::unused));
  }
  metadata.set_string("tokenizer.ggml.model", "gpt2");
  metadata.set_string("tokenizer.ggml.pre", "qwen2");
  metadata.set_strings("tokenizer.ggml.tokens", std::move(texts));
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  metadata.set_strings("tokenizer.ggml.merges", std::move(merges));
  metadata.set_u32("tokenizer.ggml.bos_token_id", vocabulary.bos);
  metadata.set_u32("tokenizer.ggml.eos_token_id", vocabulary.eos);
  metadata.set_bool("tokenizer.ggml.add_bos_token", false);
}

}  // namespace quandex
