#include "text/spm.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/merges.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581, a space in vocabularies

constexpr std::array<std::string_view, 3> kSpacePrefixNames = {"every_part", "not_user_defined", "first_part"};

SpacePrefix read_space_prefix(const Metadata& metadata) {
  constexpr std::string_view kKey = "quandex.tokenizer.space_prefix";
  const std::string name = metadata.string(kKey, kSpacePrefixNames[0]);
  const auto found = std::ranges::find(kSpacePrefixNames, name);
  if (found == kSpacePrefixNames.end())
    throw Error(ErrorCode::unsupported, "{}: {} '{}' is not supported, expected one of: {}", metadata.source(), kKey,
                name, fmt::join(kSpacePrefixNames, ", "));
  return static_cast<SpacePrefix>(found - kSpacePrefixNames.begin());
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size() + 3);
  size_t done = 0;
  for (size_t at; (at = text.find(from, done)) != std::string_view::npos; done = at + from.size())
    out.append(text.substr(done, at - done)).append(to);
  return out.append(text.substr(done));
}

// Where the next run of spaces begins that has another character in front, at `from` or later.
size_t find_word_end(std::string_view text, size_t from) {
  while (text.substr(from).starts_with(kSpace)) from += kSpace.size();
  return std::min(text.find(kSpace, from), text.size());
}

// Better scores come first: an unsigned number that falls as the score rises.
uint32_t order_of(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 and 0 are one score
  return bits >> 31 != 0 ? bits : 0x7FFFFFFFu - bits;
}

}  // namespace

std::string_view space_prefix_name(SpacePrefix prefix) { return kSpacePrefixNames[static_cast<size_t>(prefix)]; }

SpmEncoder::SpmEncoder(const Metadata& metadata, const Vocabulary& vocabulary)
    : vocabulary_(vocabulary),
      adds_space_prefix_(metadata.boolean("tokenizer.ggml.add_space_prefix", true)),
      space_prefix_(read_space_prefix(metadata)),
      prefixes_unless_space_(metadata.boolean("quandex.tokenizer.space_prefix_unless_space", false)),
      unknown_(special_id(metadata, "tokenizer.ggml.unknown_token_id", vocabulary)) {
  if (!vocabulary.has_scores())
    throw Error(ErrorCode::invalid_file,
                "{}: tokenizer.ggml.scores is absent, expected the scores of a llama vocabulary", metadata.source());
  for (int32_t id = 0; unknown_ < 0 && id < vocabulary.size(); ++id)
    if (vocabulary.type(id) == TokenType::unknown) unknown_ = id;
  read_bytes(metadata, vocabulary);
  if (metadata.boolean("quandex.tokenizer.merges_by_rank", false)) merges_ = read_merges(metadata, vocabulary);
  find_whole_pieces(token_ids(metadata, "quandex.tokenizer.not_in_model", vocabulary));
}

void SpmEncoder::read_bytes(const Metadata& metadata, const Vocabulary& vocabulary) {
  byte_tokens_.fill(-1);
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    switch (vocabulary.type(id)) {
      case TokenType::byte: {
        const auto byte = parse_byte_token(text);
        if (!byte)
          throw Error(ErrorCode::invalid_file, "{}: tokenizer.ggml.tokens[{}] is '{}', expected a byte such as <0x0A>",
                      metadata.source(), id, text);
        if (byte_tokens_[*byte] < 0) byte_tokens_[*byte] = id;
        const char character = static_cast<char>(*byte);
        bytes_.add({&character, 1});
        break;
      }
      case TokenType::normal:
      case TokenType::user_defined:
      case TokenType::unused:
        bytes_.add(replace_all(text, kSpace, " "));
        break;
      default:
        bytes_.add(text);
    }
  }
  if (unknown_ < 0 && std::ranges::find(byte_tokens_, -1) != byte_tokens_.end())
    throw Error(ErrorCode::invalid_file,
                "{}: the vocabulary has neither an unknown token nor all 256 byte tokens, so not every text has ids",
                metadata.source());
}

void SpmEncoder::find_whole_pieces(const std::vector<int32_t>& not_in_model) {
  const std::unordered_set<int32_t> left_out(not_in_model.begin(), not_in_model.end());
  pieces_ = TextIndex(static_cast<size_t>(vocabulary_.size()));
  is_whole_.resize(static_cast<size_t>(vocabulary_.size()));
  for (int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view text = vocabulary_.text(id);
    if (text.empty() || vocabulary_.is_special(id) || vocabulary_.type(id) == TokenType::byte) continue;
    if (left_out.contains(id)) continue;
    pieces_.add(text, id);
    longest_piece_bytes_ = std::max(longest_piece_bytes_, text.size());
    if (find_word_end(text, 0) != text.size()) splits_at_spaces_ = false;
  }
  Merger merger;
  for (int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view text = vocabulary_.text(id);
    // Text is valid UTF-8, so other tokens are never reached; of equal texts only one token is.
    if (pieces_.find(text) != id || !is_valid_utf8(text)) continue;
    merge_part(text, merger);
    int n_tokens = 0;
    merger.for_each([&](const MergeSymbol&) { ++n_tokens; });
    is_whole_[static_cast<size_t>(id)] = n_tokens == 1;
  }
}

std::optional<int32_t> SpmEncoder::find_piece(std::string_view text) const {
  if (text.size() > longest_piece_bytes_) return std::nullopt;
  return pieces_.find(text);
}

void SpmEncoder::add_symbols(std::string_view part, Merger& merger) const {
  merger.clear();
  for (size_t begin = 0; begin < part.size();) {
    const size_t end = begin + static_cast<size_t>(decode_utf8(part.substr(begin)).n_bytes);
    const auto token = find_piece(part.substr(begin, end - begin));
    // Merges are of tokens, so where they rule a character without one is its bytes from the start.
    if (!token && merges_ && has_bytes(part.substr(begin, end - begin))) {
      for (size_t i = begin; i < end; ++i)
        merger.add(static_cast<uint32_t>(i + 1), byte_tokens_[static_cast<uint8_t>(part[i])]);
    } else {
      merger.add(static_cast<uint32_t>(end), token.value_or(-1));
    }
    begin = end;
  }
}

void SpmEncoder::merge_part(std::string_view part, Merger& merger) const {
  add_symbols(part, merger);
  merger.merge([&](const MergeSymbol& left, const MergeSymbol& right) -> std::optional<MergeResult> {
    if (merges_) {
      if (left.token < 0 || right.token < 0) return std::nullopt;
      return merges_->find(left.token, right.token);
    }
    const auto token = find_piece(part.substr(left.begin, right.end - left.begin));
    if (!token) return std::nullopt;
    return MergeResult{order_of(vocabulary_.score(*token)), *token};
  });
}

void SpmEncoder::encode_part(std::string_view part, Merger& merger, std::vector<int32_t>& ids) const {
  if (part.size() <= longest_piece_bytes_) {
    if (const auto token = pieces_.find(part); token && is_whole_[static_cast<size_t>(*token)]) {
      ids.push_back(*token);
      return;
    }
  }
  merge_part(part, merger);
  merger.for_each([&](const MergeSymbol& symbol) {
    if (symbol.token >= 0)
      ids.push_back(symbol.token);
    else
      append_bytes(part.substr(symbol.begin, symbol.end - symbol.begin), ids);
  });
}

bool SpmEncoder::has_bytes(std::string_view character) const {
  return std::ranges::all_of(character, [&](char byte) { return byte_tokens_[static_cast<uint8_t>(byte)] >= 0; });
}

void SpmEncoder::append_bytes(std::string_view character, std::vector<int32_t>& ids) const {
  if (!has_bytes(character)) {
    ids.push_back(unknown_);
    return;
  }
  for (const char byte : character) ids.push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
}

std::string SpmEncoder::mark_to_space(std::string_view text) { return replace_all(text, kSpace, " "); }

bool SpmEncoder::has_prefix(std::string_view text, Beside before, Beside after) const {
  if (!adds_space_prefix_) return false;
  const bool is_sentencepiece = space_prefix_ == SpacePrefix::not_user_defined;
  if (text.empty() && !(is_sentencepiece && after == Beside::user_defined)) return false;
  if (is_sentencepiece && before == Beside::user_defined) return false;
  if (space_prefix_ == SpacePrefix::first_part && before != Beside::nothing) return false;
  return !(prefixes_unless_space_ && (text.starts_with(' ') || text.starts_with(kSpace)));
}

void SpmEncoder::encode(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const {
  std::string escaped = replace_all(text, " ", kSpace);
  if (has_prefix(text, before, after)) escaped.insert(0, kSpace);
  const std::string_view all = escaped;
  Merger merger;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = splits_at_spaces_ ? find_word_end(all, begin) : all.size();
    encode_part(all.substr(begin, end - begin), merger, ids);
    begin = end;
  }
}

}  // namespace quandex
