#include "text/tokenizer.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/normalize.h"
#include "text/special_split.h"
#include "text/spm.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

// Offsets inside a text are 32 bits wide, and escaping can triple it.
constexpr size_t kMaxTextBytes = size_t{1} << 30;

using Encoder = std::variant<BpeEncoder, SpmEncoder>;

// Whether parts of a text are composed (NFC) before they are encoded.
bool read_normalizer(const Metadata& metadata) {
  constexpr std::string_view kKey = "quandex.tokenizer.normalizer";
  const std::string name = metadata.string(kKey, "none");
  if (name != "nfc" && name != "none")
    throw Error(ErrorCode::unsupported, "{}: {} '{}' is not supported, expected nfc or none", metadata.source(), kKey,
                name);
  return name == "nfc";
}

class GgufTokenizer final : public Tokenizer {
 public:
  GgufTokenizer(std::unique_ptr<const Vocabulary> vocabulary, Encoder encoder, SpecialTokens special, bool composes)
      : vocabulary_(std::move(vocabulary)),
        encoder_(std::move(encoder)),
        special_(std::move(special)),
        composes_(composes),
        always_matched_(*vocabulary_, false),
        matched_on_request_(*vocabulary_, true) {}

  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;
  void append(int32_t token, std::string& bytes, bool special) const override;
  bool strips_leading_space() const override {
    const auto* spm = std::get_if<SpmEncoder>(&encoder_);
    return spm != nullptr && spm->adds_space_prefix();
  }
  int n_vocab() const override { return vocabulary_->size(); }
  const SpecialTokens& special() const override { return special_; }
  bool is_control(int32_t token) const override {
    return vocabulary_->contains(token) && vocabulary_->type(token) == TokenType::control;
  }
  std::optional<int32_t> find(std::string_view token_text) const override { return vocabulary_->find(token_text); }
  std::string_view token_text(int32_t token) const override {
    return vocabulary_->contains(token) ? vocabulary_->text(token) : std::string_view();
  }

 private:
  Beside kind_of(int32_t token) const {
    return vocabulary_->is_special(token) ? Beside::control : Beside::user_defined;
  }
  void encode_part(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const;

  std::unique_ptr<const Vocabulary> vocabulary_;
  Encoder encoder_;
  SpecialTokens special_;
  bool composes_;  // NFC
  SpecialMatcher always_matched_, matched_on_request_;
};

void GgufTokenizer::encode_part(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const {
  std::string composed;
  if (composes_ && !is_surely_nfc(text)) text = composed = to_nfc(text);
  if (const auto* spm = std::get_if<SpmEncoder>(&encoder_))
    spm->encode(text, before, after, ids);
  else if (!text.empty())
    std::get<BpeEncoder>(encoder_).encode(text, ids);
}

std::vector<int32_t> GgufTokenizer::encode(std::string_view text, bool parse_special) const {
  if (text.size() > kMaxTextBytes)
    throw Error(ErrorCode::invalid_argument, "text of {} bytes is too long to tokenize at once, expected at most {}",
                text.size(), kMaxTextBytes);
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = to_valid_utf8(text);
    text = repaired;
  }
  if (const auto* spm = std::get_if<SpmEncoder>(&encoder_); spm != nullptr && spm->takes_mark_for_space()) {
    repaired = SpmEncoder::mark_to_space(text);
    text = repaired;
  }
  const SpecialMatcher& matcher = parse_special ? matched_on_request_ : always_matched_;
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 4);
  size_t done = 0;
  Beside before = Beside::nothing;
  for (auto match = matcher.find_next(text, 0); match; match = matcher.find_next(text, match->end)) {
    const Beside kind = kind_of(match->token);
    // A match may begin in white space that the one before it has swallowed.
    const size_t begin = std::max(done, match->begin - matcher.n_stripped_left(text, *match));
    encode_part(text.substr(done, begin - done), before, kind, ids);
    ids.push_back(match->token);
    done = std::max(done, match->end + matcher.n_stripped_right(text, *match));
    before = kind;
  }
  encode_part(text.substr(done), before, Beside::nothing, ids);
  return ids;
}

void GgufTokenizer::append(int32_t token, std::string& bytes, bool special) const {
  if (!vocabulary_->contains(token) || (!special && vocabulary_->is_special(token))) return;
  if (vocabulary_->type(token) == TokenType::unused) return;  // ids that fill the embedding stand for no text
  bytes.append(std::visit([&](const auto& encoder) { return encoder.bytes(token); }, encoder_));
}

std::unique_ptr<Tokenizer> make_bpe(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
  if (!metadata.has(kPreKey))
    LOG(warn, "load", "{}: {} is absent, so text is split by the rule 'default'", metadata.source(), kPreKey);
  const PreTokenizerRule& rule = find_pre_tokenizer_rule(metadata.string(kPreKey, "default"), metadata.source());
  SpecialTokens special = read_special_tokens(metadata, *vocabulary, {.add_bos = rule.add_bos});
  BpeEncoder encoder(metadata, *vocabulary, rule);
  return std::make_unique<GgufTokenizer>(std::move(vocabulary), std::move(encoder), std::move(special),
                                         read_normalizer(metadata));
}

std::unique_ptr<Tokenizer> make_spm(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  SpecialTokens special =
      read_special_tokens(metadata, *vocabulary, {.add_bos = true, .uses_sentencepiece_texts = true});
  SpmEncoder encoder(metadata, *vocabulary);
  return std::make_unique<GgufTokenizer>(std::move(vocabulary), std::move(encoder), std::move(special),
                                         read_normalizer(metadata));
}

}  // namespace

std::vector<int32_t> Tokenizer::encode_prompt(std::string_view text, bool parse_special) const {
  std::vector<int32_t> ids = encode(text, parse_special);
  if (special().add_bos && special().bos >= 0) ids.insert(ids.begin(), special().bos);
  if (special().add_eos && special().eos >= 0) ids.push_back(special().eos);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> tokens, bool special) const {
  std::string bytes;
  bool drops_space = strips_leading_space();
  for (const int32_t token : tokens) {
    const size_t begin = bytes.size();
    append(token, bytes, special);
    if (bytes.size() == begin) continue;
    if (drops_space && bytes[begin] == ' ' && !is_control(token)) bytes.erase(begin, 1);
    drops_space = false;
  }
  return bytes;
}

std::unique_ptr<Tokenizer> make_tokenizer(const Metadata& metadata) {
  constexpr std::string_view kModelKey = "tokenizer.ggml.model";
  if (!metadata.has(kModelKey))
    throw Error(ErrorCode::invalid_file, "{}: {} is absent, so the file has no tokenizer", metadata.source(),
                kModelKey);
  const std::string& model = metadata.string(kModelKey);
  if (model != "gpt2" && model != "llama")
    throw Error(ErrorCode::unsupported, "{}: {} '{}' is not supported, expected gpt2 or llama", metadata.source(),
                kModelKey, model);
  auto vocabulary = std::make_unique<const Vocabulary>(metadata);
  return model == "gpt2" ? make_bpe(metadata, std::move(vocabulary)) : make_spm(metadata, std::move(vocabulary));
}

}  // namespace quandex
