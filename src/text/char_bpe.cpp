// BPE whose symbols are characters, in all the forms that tokenizer.json has for it.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "text/merge.h"
#include "text/merges.h"
#include "text/pair_table.h"
#include "text/piece_model.h"
#include "text/text_index.h"

namespace quandex {
namespace {

class CharBpe final : public PieceModel {
 public:
  explicit CharBpe(const ModelSource& source)
      : texts_(static_cast<size_t>(source.vocabulary.size())),
        prefix_(source.settings["continuing_subword_prefix"].string_or("")),
        suffix_(source.settings["end_of_word_suffix"].string_or("")),
        fuses_unknown_(source.settings["fuse_unk"].boolean_or(false)),
        ignores_merges_(source.settings["ignore_merges"].boolean_or(false)),
        unknown_(source.token(source.settings["unk_token"])) {
    for (int32_t id = 0; id < source.vocabulary.size(); ++id)
      if (source.has[static_cast<size_t>(id)]) texts_.add(source.vocabulary.text(id), id);
    byte_tokens_.fill(-1);
    for (unsigned byte = 0; byte < 256 && source.settings["byte_fallback"].boolean_or(false); ++byte)
      byte_tokens_[byte] = texts_.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
    merges_ = read_merges(source);
  }

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    if (ignores_merges_) {
      if (const auto token = texts_.find(piece)) {
        ids.push_back(*token);
        return;
      }
    }
    Merger merger;
    add_symbols(piece, merger);
    merger.merge(
        [this](const MergeSymbol& left, const MergeSymbol& right) { return merges_.find(left.token, right.token); });
    merger.for_each([&](const MergeSymbol& symbol) { ids.push_back(symbol.token); });
  }

 private:
  PairTable read_merges(const ModelSource& source) const;

  // Unknown characters that wait to become one token: fused, they reach until the next one that is known.
  struct Symbols {
    Merger& merger;
    uint32_t n_added = 0;
    uint32_t n_waiting = 0;
    void add(int32_t token) { merger.add(++n_added, token); }
  };
  void add_symbols(std::string_view piece, Merger& merger) const;
  void add_unknown(Symbols& symbols) const;
  bool add_bytes(std::string_view text, Symbols& symbols) const;

  TextIndex texts_;
  std::string prefix_, suffix_;  // of characters that do not begin a word, and of those that end one
  bool fuses_unknown_, ignores_merges_;
  int32_t unknown_;  // -1: unknown characters are left out
  std::array<int32_t, 256> byte_tokens_{};
  PairTable merges_{0};
};

PairTable CharBpe::read_merges(const ModelSource& source) const {
  constexpr std::string_view kPairsKey = "quandex.tokenizer.merge_pairs";
  if (prefix_.empty() && !source.metadata.has(kPairsKey))
    return quandex::read_merges(source.metadata, source.vocabulary);
  const std::vector<std::string>* const pairs = source.metadata.strings(kPairsKey);
  if (pairs == nullptr || pairs->size() % 2 != 0)
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected pairs of tokens", source.metadata.source(), kPairsKey,
                pairs == nullptr ? "absent" : "odd");
  PairTable table(pairs->size() / 2);
  const auto token_of = [&](const std::string& text) {
    if (const auto id = texts_.find(text)) return *id;
    throw Error(ErrorCode::invalid_file, "{}: {} has '{}', which is not in the vocabulary", source.metadata.source(),
                kPairsKey, text);
  };
  for (size_t i = 0; i < pairs->size(); i += 2) {
    const std::string &left = (*pairs)[i], &right = (*pairs)[i + 1];
    if (right.size() < prefix_.size())
      throw Error(ErrorCode::invalid_file, "{}: {} joins '{}' and '{}', expected the second to begin with '{}'",
                  source.metadata.source(), kPairsKey, left, right, prefix_);
    table.add(token_of(left), token_of(right),
              {static_cast<uint32_t>(i / 2), token_of(left + right.substr(prefix_.size()))});
  }
  return table;
}

void CharBpe::add_unknown(Symbols& symbols) const {
  if (symbols.n_waiting > 0) symbols.add(unknown_);
  symbols.n_waiting = 0;
}

bool CharBpe::add_bytes(std::string_view text, Symbols& symbols) const {
  for (const char byte : text)
    if (byte_tokens_[static_cast<uint8_t>(byte)] < 0) return false;
  for (const char byte : text) symbols.add(byte_tokens_[static_cast<uint8_t>(byte)]);
  return true;
}

void CharBpe::add_symbols(std::string_view piece, Merger& merger) const {
  Symbols symbols{merger};
  std::string text;
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = begin + static_cast<size_t>(decode_utf8(piece.substr(begin)).n_bytes);
    text.assign(begin > 0 ? prefix_ : std::string()).append(piece.substr(begin, end - begin));
    if (end == piece.size()) text += suffix_;
    begin = end;
    if (const auto token = texts_.find(text)) {
      add_unknown(symbols);
      symbols.add(*token);
    } else if (add_bytes(text, symbols)) {
      // The library `tokenizers` leaves an unknown character that waits behind the bytes, and so do we.
    } else if (unknown_ >= 0) {
      if (!fuses_unknown_) add_unknown(symbols);
      ++symbols.n_waiting;
    }
  }
  add_unknown(symbols);
}

}  // namespace

std::unique_ptr<const PieceModel> make_char_bpe(const ModelSource& source) { return std::make_unique<CharBpe>(source); }

}  // namespace quandex
