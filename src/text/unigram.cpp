// Unigram: of all ways to cut a piece into tokens the one with the highest sum of scores.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "text/piece_model.h"
#include "text/text_index.h"
#include "text/text_trie.h"

namespace quandex {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst score

std::vector<double> read_scores(const ModelSource& source) {
  constexpr std::string_view kKey = "quandex.tokenizer.scores";  // where single precision does not hold them
  const auto n_tokens = static_cast<size_t>(source.vocabulary.size());
  std::vector<double> scores(n_tokens);
  const MetaArray* const array = source.metadata.array(kKey);
  if (array == nullptr && !source.vocabulary.has_scores())
    throw Error(ErrorCode::invalid_file,
                "{}: tokenizer.ggml.scores is absent, expected the scores of a Unigram vocabulary",
                source.metadata.source());
  if (array != nullptr && (array->count != n_tokens || array->element == MetaType::string))
    throw Error(ErrorCode::invalid_file, "{}: {} has {} entries, expected {} numbers", source.metadata.source(), kKey,
                array->count, n_tokens);
  for (size_t i = 0; i < n_tokens; ++i)
    scores[i] = array != nullptr ? array->real(i) : double{source.vocabulary.score(static_cast<int32_t>(i))};
  return scores;
}

class Unigram final : public PieceModel {
 public:
  explicit Unigram(const ModelSource& source)
      : scores_(read_scores(source)),
        texts_(static_cast<size_t>(source.vocabulary.size())),
        is_single_precision_(source.settings["single_precision"].boolean_or(false)) {
    std::vector<TextTrie::Entry> entries;
    double worst = std::numeric_limits<double>::infinity();
    for (int32_t id = 0; id < source.vocabulary.size(); ++id) {
      if (!source.has[static_cast<size_t>(id)]) continue;
      entries.push_back({source.vocabulary.text(id), id});
      texts_.add(source.vocabulary.text(id), id);
      worst = std::min(worst, scores_[static_cast<size_t>(id)]);
    }
    trie_ = TextTrie(std::move(entries));
    unknown_score_ = rounded(worst - kUnknownPenalty);
    const JsonField unknown = source.settings["unk_id"];
    const int64_t id = unknown.integer();
    if (id < 0 || id >= source.vocabulary.size())
      unknown.refuse(fmt::format("an id below {}", source.vocabulary.size()));
    unknown_ = static_cast<int32_t>(id);
    if (source.settings["byte_fallback"].boolean_or(false)) read_bytes(source.vocabulary);
  }

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;

 private:
  // The best way to cut the text up to a place.
  struct Node {
    double score = 0;
    size_t begin = kNone;  // of the last token
    int32_t token = -1;
  };
  static constexpr size_t kNone = ~size_t{0};

  // SentencePiece adds up scores in single precision, which decides between ways that are about equal.
  double rounded(double score) const { return is_single_precision_ ? double{static_cast<float>(score)} : score; }
  void read_bytes(const Vocabulary& vocabulary);
  std::vector<Node> find_best_path(std::string_view piece) const;
  void append(std::string_view text, std::vector<int32_t>& ids) const;

  std::vector<double> scores_;
  TextIndex texts_;
  TextTrie trie_;
  double unknown_score_ = 0;
  int32_t unknown_ = -1;
  std::array<int32_t, 256> byte_tokens_ = [] {
    std::array<int32_t, 256> none{};
    none.fill(-1);
    return none;
  }();
  bool is_single_precision_;
};

void Unigram::read_bytes(const Vocabulary& vocabulary) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text = fmt::format("<0x{:02X}>", byte);
    const auto id = vocabulary.find(text);
    byte_tokens_[byte] = id && vocabulary.type(*id) == TokenType::byte ? *id : texts_.find(text).value_or(-1);
  }
}

std::vector<Unigram::Node> Unigram::find_best_path(std::string_view piece) const {
  std::vector<Node> nodes(piece.size() + 1);
  for (size_t begin = 0; begin < piece.size();) {
    const auto n_bytes = static_cast<size_t>(decode_utf8(piece.substr(begin)).n_bytes);
    const auto offer = [&](size_t end, double score, int32_t token) {
      Node& node = nodes[end];
      if (node.begin == kNone || score > node.score) node = {score, begin, token};
    };
    bool has_character = false;
    trie_.for_each_prefix(piece.substr(begin), [&](int32_t token, size_t n) {
      offer(begin + n, rounded(scores_[static_cast<size_t>(token)] + nodes[begin].score), token);
      has_character = has_character || n == n_bytes;
    });
    if (!has_character) offer(begin + n_bytes, rounded(unknown_score_ + nodes[begin].score), unknown_);
    begin += n_bytes;
  }
  return nodes;
}

void Unigram::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  const std::vector<Node> nodes = find_best_path(piece);
  std::vector<std::string_view> parts;  // from the last
  bool is_unknown = false;
  for (size_t end = piece.size(); end > 0;) {
    const Node& node = nodes[end];
    // Neighbours that are unknown become one.
    if (node.token == unknown_ && is_unknown)
      parts.back() = piece.substr(node.begin, end + parts.back().size() - node.begin);
    else
      parts.push_back(piece.substr(node.begin, end - node.begin));
    is_unknown = node.token == unknown_;
    end = node.begin;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) append(*part, ids);
}

void Unigram::append(std::string_view text, std::vector<int32_t>& ids) const {
  if (const auto token = texts_.find(text)) {
    ids.push_back(*token);
    return;
  }
  const bool has_bytes =
      std::ranges::all_of(text, [&](char byte) { return byte_tokens_[static_cast<uint8_t>(byte)] >= 0; });
  if (!has_bytes) return ids.push_back(unknown_);
  for (const char byte : text) ids.push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
}

}  // namespace

std::unique_ptr<const PieceModel> make_unigram(const ModelSource& source) { return std::make_unique<Unigram>(source); }

}  // namespace quandex
