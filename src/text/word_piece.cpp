// WordPiece: a word is cut into the longest tokens from the left, those that do not begin it being spelled with a
// prefix; and WordLevel, to which a word is a token or unknown.
#include "text/word_piece.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "text/piece_model.h"
#include "text/text_index.h"
#include "text/text_table.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

int32_t find_unknown(const ModelSource& source) {
  const JsonField text = source.settings["unk_token"];
  if (!text.is_absent()) return source.token(text);
  const int32_t unknown = special_id(source.metadata, "tokenizer.ggml.unknown_token_id", source.vocabulary);
  if (unknown >= 0) return unknown;
  if (const auto id = source.vocabulary.find("[UNK]")) return *id;
  throw Error(ErrorCode::invalid_file, "{}: the vocabulary has no unknown token, so not every text has ids",
              source.metadata.source());
}

class WordLevel final : public PieceModel {
 public:
  explicit WordLevel(const ModelSource& source)
      : words_(static_cast<size_t>(source.vocabulary.size())), unknown_(find_unknown(source)) {
    for (int32_t id = 0; id < source.vocabulary.size(); ++id)
      if (source.has[static_cast<size_t>(id)]) words_.add(source.vocabulary.text(id), id);
  }
  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    ids.push_back(words_.find(piece).value_or(unknown_));
  }

 private:
  TextIndex words_;
  int32_t unknown_;
};

class WordPiece final : public PieceModel {
 public:
  explicit WordPiece(const ModelSource& source)
      : first_(static_cast<size_t>(source.vocabulary.size())), next_(static_cast<size_t>(source.vocabulary.size())) {
    const bool is_phantom = stores_phantom_spaces(source.metadata);
    const std::string prefix = source.settings["continuing_subword_prefix"].string_or("##");
    const int64_t max_characters = source.settings["max_input_chars_per_word"].optional_integer().value_or(100);
    max_characters_ = max_characters < 0 ? 0 : static_cast<size_t>(max_characters);
    for (int32_t id = 0; id < source.vocabulary.size(); ++id) {
      if (!source.has[static_cast<size_t>(id)]) continue;
      const std::string_view text = source.vocabulary.text(id);
      if (!is_phantom || source.vocabulary.type(id) != TokenType::normal) {
        add(first_, text, id);
        if (text.starts_with(prefix)) add(next_, text.substr(prefix.size()), id);
      } else if (text.starts_with(kSpace)) {
        add(first_, text.substr(kSpace.size()), id);
      } else {
        add(next_, text, id);
        spelled_.add(prefix + std::string(text));
        spelled_ids_.push_back(id);
      }
    }
    // A word may itself begin with the prefix.
    for (size_t i = 0; i < spelled_.size(); ++i) add(first_, spelled_[i], spelled_ids_[i]);
    unknown_ = find_unknown(source);
  }

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const size_t n_before = ids.size();
    if (has_too_many_characters(piece) || !append(piece, ids)) {
      ids.resize(n_before);
      ids.push_back(unknown_);
    }
  }

 private:
  void add(TextIndex& index, std::string_view text, int32_t id) {
    index.add(text, id);
    longest_bytes_ = std::max(longest_bytes_, text.size());
  }

  bool has_too_many_characters(std::string_view piece) const {
    if (piece.size() <= max_characters_) return false;
    const auto is_start = [](char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; };
    return static_cast<size_t>(std::ranges::count_if(piece, is_start)) > max_characters_;
  }

  bool append(std::string_view piece, std::vector<int32_t>& ids) const {
    for (size_t begin = 0; begin < piece.size();) {
      const TextIndex& index = begin == 0 ? first_ : next_;
      size_t end = std::min(piece.size(), begin + longest_bytes_);
      std::optional<int32_t> token;
      for (; end > begin; --end) {
        if (end < piece.size() && (static_cast<uint8_t>(piece[end]) & 0xC0) == 0x80) continue;  // inside a character
        token = index.find(piece.substr(begin, end - begin));
        if (token) break;
      }
      if (!token) return false;
      ids.push_back(*token);
      begin = end;
    }
    return true;
  }

  TextIndex first_, next_;  // tokens that begin a word, and those that go on, without the prefix
  TextTable spelled_;
  std::vector<int32_t> spelled_ids_;
  size_t longest_bytes_ = 0, max_characters_ = 0;
  int32_t unknown_ = -1;
};

}  // namespace

bool stores_phantom_spaces(const Metadata& metadata) {
  return metadata.string("tokenizer.ggml.model", "") == "bert" &&
         !metadata.boolean("quandex.tokenizer.stored_as_spelled", false);
}

std::string spelled_word_piece(std::string_view stored, std::string_view prefix) {
  if (stored.starts_with(kSpace)) return std::string(stored.substr(kSpace.size()));
  return std::string(prefix).append(stored);
}

std::optional<std::string> phantom_word_piece(std::string_view spelled, std::string_view prefix) {
  if (!spelled.starts_with(prefix)) return std::string(kSpace).append(spelled);
  const std::string_view rest = spelled.substr(prefix.size());
  if (rest.starts_with(kSpace) || rest.empty()) return std::nullopt;
  return std::string(rest);
}

std::unique_ptr<const PieceModel> make_word_piece(const ModelSource& source) {
  if (source.settings["type"].string() == "WordLevel") return std::make_unique<WordLevel>(source);
  return std::make_unique<WordPiece>(source);
}

}  // namespace quandex
