#include "text/bpe.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "text/byte_map.h"
#include "text/merges.h"
#include "text/piece_cache.h"

namespace quandex {

BpeEncoder::BpeEncoder(const Metadata& metadata, const Vocabulary& vocabulary, PreTokenizer pre_tokenizer,
                       bool ignore_merges)
    : pre_tokenizer_(std::move(pre_tokenizer)),
      unknown_(special_id(metadata, "tokenizer.ggml.unknown_token_id", vocabulary)),
      merges_(read_merges(metadata, vocabulary)) {
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const bool is_plain_text = vocabulary.type(id) == TokenType::user_defined || vocabulary.is_special(id);
    bytes_.add(is_plain_text ? std::string(vocabulary.text(id)) : bytes_of_spelled_token(vocabulary.text(id)));
  }
  int n_lacking = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(static_cast<uint8_t>(byte));
    const auto id = vocabulary.find(to_byte_characters({&character, 1}));
    byte_tokens_[byte] = id.value_or(-1);
    // C0, C1 and F5 on never occur in UTF-8.
    if (byte_tokens_[byte] < 0 && byte != 0xC0 && byte != 0xC1 && byte < 0xF5) ++n_lacking;
  }
  if (n_lacking > 0)
    LOG(warn, "load", "{}: the vocabulary has no token for {} of the bytes of UTF-8; they are {} in prompts",
        metadata.source(), n_lacking, unknown_ >= 0 ? "unknown tokens" : "left out");
  if (ignore_merges) index_whole_pieces(vocabulary);
}

void BpeEncoder::index_whole_pieces(const Vocabulary& vocabulary) {
  whole_pieces_ = TextIndex(bytes_.size());
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view piece = bytes(id);
    const TokenType type = vocabulary.type(id);
    if (piece.empty() || (type != TokenType::normal && type != TokenType::byte)) continue;
    if (to_byte_characters(piece) != vocabulary.text(id)) continue;  // not spelled in bytes, so no text is it
    whole_pieces_.add(piece, id);
    longest_whole_piece_bytes_ = std::max(longest_whole_piece_bytes_, piece.size());
  }
}

void BpeEncoder::merge_piece(std::string_view piece, Merger& merger) const {
  merger.clear();
  for (size_t i = 0; i < piece.size(); ++i) {
    const int32_t token = byte_tokens_[static_cast<uint8_t>(piece[i])];
    // What is left out is not there for merges either.
    if (token >= 0 || unknown_ >= 0) merger.add(static_cast<uint32_t>(i + 1), token);
  }
  merger.merge([this](const MergeSymbol& left, const MergeSymbol& right) -> std::optional<MergeResult> {
    if (left.token < 0 || right.token < 0) return std::nullopt;
    return merges_.find(left.token, right.token);
  });
}

// One call of encode().
class BpeEncoder::Run {
 public:
  Run(const BpeEncoder& encoder, size_t n_text_bytes, std::vector<int32_t>& ids)
      : encoder_(encoder), ids_(ids), cache_(n_text_bytes) {}

  void add(std::string_view piece) {
    if (piece.size() > PieceCache::kMaxPieceBytes) return encode(piece);
    const PieceCache::Key key = PieceCache::key_of(piece);
    PieceCache::Entry& entry = cache_.at(key);
    if (entry.key == key) return repeat(entry);
    entry = {key, static_cast<uint32_t>(ids_.size()), 0};
    encode(piece);
    entry.n_ids = static_cast<uint32_t>(ids_.size()) - entry.first;
  }

 private:
  void repeat(const PieceCache::Entry& entry) {
    for (size_t i = entry.first; i < size_t{entry.first} + entry.n_ids; ++i) {
      const int32_t id = ids_[i];
      ids_.push_back(id);
    }
  }

  void encode(std::string_view piece) {
    if (piece.size() <= encoder_.longest_whole_piece_bytes_) {
      if (const auto token = encoder_.whole_pieces_.find(piece)) return ids_.push_back(*token);
    }
    encoder_.merge_piece(piece, merger_);
    merger_.for_each([&](const MergeSymbol& symbol) {
      const int32_t token = symbol.token >= 0 ? symbol.token : encoder_.unknown_;
      if (token >= 0) ids_.push_back(token);
    });
  }

  const BpeEncoder& encoder_;
  std::vector<int32_t>& ids_;
  PieceCache cache_;
  Merger merger_;
};

void BpeEncoder::encode(TextPiece text, std::vector<int32_t>& ids) const {
  Run run(*this, text.text.size(), ids);
  pre_tokenizer_.split(text, [&](std::string_view piece) { run.add(piece); });
}

}  // namespace quandex
