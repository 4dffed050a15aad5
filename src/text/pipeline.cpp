#include "text/pipeline.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/word_piece.h"

namespace quandex {
namespace {

std::unordered_set<int32_t> id_set(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary) {
  const std::vector<int32_t> ids = token_ids(metadata, key, vocabulary);
  return {ids.begin(), ids.end()};
}

}  // namespace

Pipeline::Pipeline(const Metadata& metadata, PipelineParts parts) : parts_(std::move(parts)) { match_tokens(metadata); }

void Pipeline::match_tokens(const Metadata& metadata) {
  const Vocabulary& vocabulary = *parts_.vocabulary;
  const auto single_words = id_set(metadata, "quandex.tokenizer.single_word", vocabulary);
  const auto normalized = id_set(metadata, "quandex.tokenizer.normalized", vocabulary);
  std::vector<SpecialMatcher::Entry> verbatim_entries, normalized_entries;
  std::vector<MatchedToken> normalized_tokens;
  for (const bool is_special : {true, false}) {
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
      const bool is_matched = vocabulary.is_special(id) || vocabulary.type(id) == TokenType::user_defined;
      if (!is_matched || vocabulary.is_special(id) != is_special || vocabulary.text(id).empty()) continue;
      const MatchedToken token{id, is_special, vocabulary.strips_left(id), vocabulary.strips_right(id),
                               single_words.contains(id)};
      if (!normalized.contains(id)) {
        verbatim_entries.push_back({vocabulary.text(id), token});
        continue;
      }
      StagedText staged{std::string(vocabulary.text(id))};
      parts_.normalizer.apply(staged);
      if (staged.text.empty())
        throw Error(ErrorCode::unsupported, "{}: the added token '{}' is nothing once normalized, expected a text",
                    metadata.source(), vocabulary.text(id));
      if (staged.text != vocabulary.text(id)) normal_spellings_.emplace(id, staged.text);
      normalized_texts_.add(staged.text);
      normalized_tokens.push_back(token);
    }
  }
  for (size_t i = 0; i < normalized_tokens.size(); ++i)
    normalized_entries.push_back({normalized_texts_[i], normalized_tokens[i]});
  verbatim_.emplace(std::move(verbatim_entries));
  normalized_.emplace(std::move(normalized_entries));
}

Beside Pipeline::kind_of(int32_t token) const {
  return parts_.vocabulary->is_special(token) ? Beside::control : Beside::user_defined;
}

// SentencePiece puts its dummy space in front of user-defined tokens too.
bool Pipeline::sees_empty_parts() const {
  return std::holds_alternative<SpmEncoder>(parts_.encoder) ||
         std::holds_alternative<SentencePieceUnigram>(parts_.encoder);
}

void Pipeline::encode_part(TextPiece text, Beside before, Beside after, std::vector<int32_t>& ids) const {
  if (const auto* spm = std::get_if<SpmEncoder>(&parts_.encoder))
    spm->encode(text.text, before, after, ids);
  else if (const auto* unigram = std::get_if<SentencePieceUnigram>(&parts_.encoder))
    unigram->encode(text.text, before, after, ids);
  else if (const auto* bpe = std::get_if<BpeEncoder>(&parts_.encoder))
    bpe->encode(text, ids);
  else
    std::get<PieceEncoder>(parts_.encoder).encode(text, ids);
}

// visit(Part), whose text lives as long as the call.
template <typename Visit>
void Pipeline::for_each_part(std::string_view text, bool parse_special, const Visit& visit) const {
  verbatim_->split(text, parse_special, [&](std::string_view part, const MatchedToken* match) {
    if (match != nullptr) return visit(Part{{part}, match->token});
    StagedText staged;
    const size_t n_first = part.data() == text.data() ? static_cast<size_t>(decode_utf8(part).n_bytes) : 0;
    TextPiece normal{part, n_first};
    if (!parts_.normalizer.surely_keeps(part)) {
      staged = {std::string(part), n_first};
      parts_.normalizer.apply(staged);
      normal = {staged.text, staged.n_at_start};
    }
    normalized_->split(normal.text, parse_special, [&](std::string_view piece, const MatchedToken* token) {
      const auto begin = static_cast<size_t>(piece.data() - normal.text.data());
      const size_t n_at_start = std::min(normal.n_at_start - std::min(normal.n_at_start, begin), piece.size());
      visit(Part{{piece, n_at_start}, token != nullptr ? token->token : -1});
    });
  });
}

std::vector<int32_t> Pipeline::encode(std::string_view text, bool parse_special) const {
  if (text.size() > kMaxTextBytes)
    throw Error(ErrorCode::invalid_argument, "text of {} bytes is too long to tokenize at once, expected at most {}",
                text.size(), kMaxTextBytes);
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = to_valid_utf8(text);
    text = repaired;
  }
  if (const auto* spm = std::get_if<SpmEncoder>(&parts_.encoder); spm != nullptr && spm->takes_mark_for_space()) {
    repaired = SpmEncoder::mark_to_space(text);
    text = repaired;
  }
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 4);
  // What stands beside a text that a model sees is known once the next part is.
  std::string waiting;
  bool is_waiting = sees_empty_parts();
  Beside before = Beside::nothing;
  for_each_part(text, parse_special, [&](const Part& part) {
    if (part.token < 0 && !sees_empty_parts()) return encode_part(part.text, before, Beside::nothing, ids);
    if (part.token < 0) {
      waiting.append(part.text.text);
      return;
    }
    if (is_waiting) encode_part({waiting}, before, kind_of(part.token), ids);
    waiting.clear();
    ids.push_back(part.token);
    before = kind_of(part.token);
  });
  if (is_waiting) encode_part({waiting}, before, Beside::nothing, ids);
  return ids;
}

std::vector<int32_t> Pipeline::encode_prompt(std::string_view text, bool parse_special) const {
  std::vector<int32_t> ids = encode(text, parse_special);
  if (parts_.post_processor) return parts_.post_processor->apply(ids);
  const SpecialTokens& special = parts_.special;
  if (special.add_bos && special.bos >= 0) ids.insert(ids.begin(), special.bos);
  if (special.add_eos && special.eos >= 0) ids.push_back(special.eos);
  return ids;
}

bool Pipeline::is_shown(int32_t token, bool special) const {
  const Vocabulary& vocabulary = *parts_.vocabulary;
  if (!vocabulary.contains(token) || (!special && vocabulary.is_special(token))) return false;
  return vocabulary.type(token) != TokenType::unused;  // ids that fill the embedding stand for no text
}

std::string_view Pipeline::bytes(int32_t token) const {
  if (const auto normal = normal_spellings_.find(token); normal != normal_spellings_.end()) return normal->second;
  if (const auto* bpe = std::get_if<BpeEncoder>(&parts_.encoder)) return bpe->bytes(token);
  if (const auto* spm = std::get_if<SpmEncoder>(&parts_.encoder)) return spm->bytes(token);
  return parts_.vocabulary->text(token);
}

bool Pipeline::drops_first_space() const {
  const auto* spm = std::get_if<SpmEncoder>(&parts_.encoder);
  return spm != nullptr && spm->adds_space_prefix();
}

// The token's text as tokenizer.json has it.
std::string Pipeline::spelled(int32_t token) const {
  if (const auto normal = normal_spellings_.find(token); normal != normal_spellings_.end()) return normal->second;
  const std::string_view text = parts_.vocabulary->text(token);
  if (parts_.word_piece_prefix.empty() || parts_.vocabulary->type(token) != TokenType::normal) return std::string(text);
  return spelled_word_piece(text, parts_.word_piece_prefix);
}

class Pipeline::PlainStream final : public TokenStream {
 public:
  PlainStream(const Pipeline& pipeline, bool at_start)
      : pipeline_(pipeline), drops_space_(at_start && pipeline.drops_first_space()) {}

  void push(int32_t token, bool special, std::string& bytes) override {
    if (!pipeline_.is_shown(token, special)) return;
    std::string_view shown = pipeline_.bytes(token);
    if (shown.empty()) return;
    if (drops_space_ && shown.starts_with(' ') && !pipeline_.is_control(token)) shown.remove_prefix(1);
    drops_space_ = false;
    bytes.append(shown);
  }
  void finish(std::string&) override {}

 private:
  const Pipeline& pipeline_;
  bool drops_space_;
};

class Pipeline::StagedStream final : public TokenStream {
 public:
  StagedStream(const Pipeline& pipeline, bool at_start)
      : pipeline_(pipeline), stream_(*pipeline.parts_.decoder, at_start) {}

  void push(int32_t token, bool special, std::string& bytes) override {
    if (pipeline_.is_shown(token, special)) stream_.push(pipeline_.spelled(token), bytes);
  }
  void finish(std::string& bytes) override { stream_.finish(bytes); }

 private:
  const Pipeline& pipeline_;
  TokenDecoder::Stream stream_;
};

std::unique_ptr<TokenStream> Pipeline::stream(bool at_start) const {
  if (parts_.decoder) return std::make_unique<StagedStream>(*this, at_start);
  return std::make_unique<PlainStream>(*this, at_start);
}

void Pipeline::append(int32_t token, std::string& bytes, bool special) const {
  if (!is_shown(token, special)) return;
  const bool has_bytes = !std::holds_alternative<PieceEncoder>(parts_.encoder) &&
                         !std::holds_alternative<SentencePieceUnigram>(parts_.encoder);
  if (const auto byte = parse_byte_token(parts_.vocabulary->text(token));
      byte && parts_.vocabulary->type(token) == TokenType::byte) {
    bytes.push_back(static_cast<char>(*byte));
  } else if (has_bytes || !parts_.decoder) {
    bytes.append(this->bytes(token));
  } else {
    StagedStream alone(*this, false);
    alone.push(token, special, bytes);
    alone.finish(bytes);
  }
}

}  // namespace quandex
