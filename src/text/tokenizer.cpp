#include "text/tokenizer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "text/json_field.h"
#include "text/pipeline.h"
#include "text/word_piece.h"

namespace quandex {
namespace {

// What a value of tokenizer.ggml.model means where the file has no stages of its own, in the words of tokenizer.json.
struct Implied {
  std::string_view normalizer = "null", pre_tokenizer = "null", decoder = "null", settings = "null";
};
// Bert's: without capitals and accents, for GGUF has no key that says otherwise.
constexpr Implied kBert = {
    R"({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "lowercase": true})",
    R"({"type": "BertPreTokenizer"})", R"({"type": "WordPiece", "prefix": "##", "cleanup": true})",
    R"({"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100})"};
constexpr std::string_view kMetaspaceDecoder =
    R"({"type": "Sequence", "decoders": [{"type": "ByteFallback"},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}]})";
constexpr std::string_view kPlainSpaceDecoder =
    R"({"type": "Sequence", "decoders": [{"type": "ByteFallback"},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never"}]})";

// JSON text under a key of ours, or what stands in for it. Keeps the value that fields point to.
class StageJson {
 public:
  StageJson(const Metadata& metadata, std::string_view name, std::string_view otherwise)
      : key_(fmt::format("quandex.tokenizer.{}", name)),
        source_(fmt::format("{}: {}", metadata.source(), key_)),
        is_there_(metadata.has(key_)),
        json_(parse_json(is_there_ ? metadata.string(key_) : std::string(otherwise), source_)) {}

  bool is_there() const { return is_there_; }
  JsonField field() const { return {json_, source_}; }

 private:
  std::string key_, source_;
  bool is_there_;
  Json json_;
};

// Earlier versions wrote "nfc".
Normalizer read_normalizer(const Metadata& metadata, std::string_view otherwise) {
  constexpr std::string_view kKey = "quandex.tokenizer.normalizer";
  const std::string text = metadata.string(kKey, "");
  if (text == "none") return {};
  if (text == "nfc") {
    const Json nfc = {{"type", "NFC"}};
    return Normalizer(JsonField(nfc, metadata.source()));
  }
  return Normalizer(StageJson(metadata, "normalizer", otherwise).field());
}

// Stages that a file may have whatever its model is.
PipelineParts make_parts(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary, Encoder encoder,
                         SpecialTokens special, const Implied& implied) {
  PipelineParts parts{.vocabulary = std::move(vocabulary),
                      .normalizer = read_normalizer(metadata, implied.normalizer),
                      .encoder = std::move(encoder),
                      .special = std::move(special),
                      .post_processor = {},
                      .decoder = {},
                      .word_piece_prefix = {}};
  const StageJson post_processor(metadata, "post_processor", "null"), decoder(metadata, "decoder", implied.decoder);
  if (post_processor.is_there()) parts.post_processor.emplace(post_processor.field(), parts.vocabulary->size());
  if (decoder.is_there() || implied.decoder != "null") parts.decoder.emplace(decoder.field());
  return parts;
}

PreTokenizer make_pre_tokenizer(const Metadata& metadata, const PreTokenizerRule& rule) {
  const StageJson stages(metadata, "pre_tokenizer", "null");
  if (stages.is_there()) return PreTokenizer(stages.field(), PreTokenizer::Bytes::kept);
  return PreTokenizer(rule);
}

std::unique_ptr<Tokenizer> make_bpe(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
  const bool has_stages = metadata.has("quandex.tokenizer.pre_tokenizer");
  if (!metadata.has(kPreKey) && !has_stages)
    LOG(warn, "load", "{}: {} is absent, so text is split by the rule 'default'", metadata.source(), kPreKey);
  const PreTokenizerRule& rule =
      find_pre_tokenizer_rule(has_stages ? "default" : metadata.string(kPreKey, "default"), metadata.source());
  SpecialTokens special = read_special_tokens(metadata, *vocabulary, {.add_bos = rule.add_bos});
  const bool ignore_merges = metadata.boolean("quandex.tokenizer.ignore_merges", rule.ignore_merges);
  BpeEncoder encoder(metadata, *vocabulary, make_pre_tokenizer(metadata, rule), ignore_merges);
  return std::make_unique<Pipeline>(
      metadata, make_parts(metadata, std::move(vocabulary), std::move(encoder), std::move(special), {}));
}

std::unique_ptr<Tokenizer> make_spm(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  SpecialTokens special =
      read_special_tokens(metadata, *vocabulary, {.add_bos = true, .uses_sentencepiece_texts = true});
  SpmEncoder encoder(metadata, *vocabulary);
  return std::make_unique<Pipeline>(
      metadata, make_parts(metadata, std::move(vocabulary), std::move(encoder), std::move(special), {}));
}

// Where GGUF says nothing of it, a text of Bert lies between [CLS] and [SEP].
SpecialTokens read_bert_tokens(const Metadata& metadata, const Vocabulary& vocabulary) {
  SpecialTokens special = read_special_tokens(metadata, vocabulary, {.add_bos = true});
  const auto id_of = [&](std::string_view key, int32_t otherwise, std::string_view text) {
    if (const int32_t id = special_id(metadata, key, vocabulary); id >= 0) return id;
    return otherwise >= 0 ? otherwise : vocabulary.find(text).value_or(-1);
  };
  special.bos = id_of("tokenizer.ggml.cls_token_id", special.bos, "[CLS]");
  special.eos = id_of("tokenizer.ggml.seperator_token_id", special.eos, "[SEP]");
  const bool adds_separator = metadata.boolean("tokenizer.ggml.add_sep_token", true);
  special.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token", adds_separator);
  return special;
}

// Which tokens the model itself can give.
std::vector<bool> find_model_tokens(const Metadata& metadata, const Vocabulary& vocabulary) {
  constexpr std::string_view kKey = "quandex.tokenizer.not_in_model";
  const bool says_all = metadata.has("quandex.tokenizer.model");
  std::vector<bool> has(static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const TokenType type = vocabulary.type(id);
    has[static_cast<size_t>(id)] =
        type != TokenType::unused && (says_all || type == TokenType::normal || type == TokenType::user_defined);
  }
  for (const int32_t id : token_ids(metadata, kKey, vocabulary)) has[static_cast<size_t>(id)] = false;
  return has;
}

std::unique_ptr<Tokenizer> make_word_piece(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  const StageJson settings(metadata, "model", kBert.settings);
  const StageJson pre_tokenizer(metadata, "pre_tokenizer", kBert.pre_tokenizer);
  const bool is_phantom = stores_phantom_spaces(metadata);
  SpecialTokens special = read_bert_tokens(metadata, *vocabulary);
  auto model = make_piece_model({metadata, *vocabulary, settings.field(), find_model_tokens(metadata, *vocabulary)});
  PieceEncoder encoder(PreTokenizer(pre_tokenizer.field(), PreTokenizer::Bytes::spelled), std::move(model));
  PipelineParts parts = make_parts(metadata, std::move(vocabulary), std::move(encoder), std::move(special), kBert);
  if (is_phantom) parts.word_piece_prefix = settings.field()["continuing_subword_prefix"].string_or("##");
  return std::make_unique<Pipeline>(metadata, std::move(parts));
}

// The model that the file's own stages come with.
std::unique_ptr<Tokenizer> make_staged(const Metadata& metadata, std::unique_ptr<const Vocabulary> vocabulary) {
  const StageJson settings(metadata, "model", "null"), pre_tokenizer(metadata, "pre_tokenizer", "null");
  SpecialTokens special = read_special_tokens(metadata, *vocabulary, {});
  auto model = make_piece_model({metadata, *vocabulary, settings.field(), find_model_tokens(metadata, *vocabulary)});
  PieceEncoder encoder(PreTokenizer(pre_tokenizer.field(), PreTokenizer::Bytes::spelled), std::move(model));
  PipelineParts parts = make_parts(metadata, std::move(vocabulary), std::move(encoder), std::move(special), {});
  if (!parts.decoder) parts.decoder.emplace(StageJson(metadata, "decoder", "null").field());
  return std::make_unique<Pipeline>(metadata, std::move(parts));
}

// Unigram as SentencePiece has it.
std::unique_ptr<Tokenizer> make_unigram_of_gguf(const Metadata& metadata,
                                                std::unique_ptr<const Vocabulary> vocabulary) {
  SpecialTokens special = read_special_tokens(metadata, *vocabulary, {.uses_sentencepiece_texts = true});
  special.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token", true);
  int32_t unknown = special_id(metadata, "tokenizer.ggml.unknown_token_id", *vocabulary);
  for (int32_t id = 0; unknown < 0 && id < vocabulary->size(); ++id)
    if (vocabulary->type(id) == TokenType::unknown) unknown = id;
  if (unknown < 0)
    throw Error(ErrorCode::invalid_file, "{}: tokenizer.ggml.unknown_token_id is absent, so not every text has ids",
                metadata.source());
  const bool has_bytes = vocabulary->find("<0x00>").has_value();
  const Json settings = {
      {"type", "Unigram"}, {"unk_id", unknown}, {"byte_fallback", has_bytes}, {"single_precision", true}};
  auto model = make_piece_model(
      {metadata, *vocabulary, JsonField(settings, metadata.source()), find_model_tokens(metadata, *vocabulary)});
  const bool adds_space = metadata.boolean("tokenizer.ggml.add_space_prefix", true);
  const Implied implied{.decoder = adds_space ? kMetaspaceDecoder : kPlainSpaceDecoder};
  SentencePieceUnigram encoder(metadata, std::move(model));
  return std::make_unique<Pipeline>(
      metadata, make_parts(metadata, std::move(vocabulary), std::move(encoder), std::move(special), implied));
}

using Make = std::unique_ptr<Tokenizer> (*)(const Metadata&, std::unique_ptr<const Vocabulary>);
struct ModelKind {
  std::string_view name;
  Make make;
};
constexpr std::array<ModelKind, 4> kModels = {
    {{"gpt2", make_bpe}, {"llama", make_spm}, {"bert", make_word_piece}, {"t5", make_unigram_of_gguf}}};

}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> tokens, bool special) const {
  std::string bytes;
  const auto all = stream(true);
  for (const int32_t token : tokens) all->push(token, special, bytes);
  all->finish(bytes);
  return bytes;
}

std::unique_ptr<Tokenizer> make_tokenizer(const Metadata& metadata) {
  constexpr std::string_view kModelKey = "tokenizer.ggml.model";
  if (!metadata.has(kModelKey))
    throw Error(ErrorCode::invalid_file, "{}: {} is absent, so the file has no tokenizer", metadata.source(),
                kModelKey);
  const std::string& model = metadata.string(kModelKey);
  const bool is_staged = metadata.has("quandex.tokenizer.model") && model != "bert";
  const auto* const kind = std::ranges::find(kModels, model, &ModelKind::name);
  if (kind == kModels.end() && !is_staged)
    throw Error(ErrorCode::unsupported, "{}: {} '{}' is not supported, expected gpt2, llama, bert or t5",
                metadata.source(), kModelKey, model);
  auto vocabulary = std::make_unique<const Vocabulary>(metadata);
  if (is_staged) return make_staged(metadata, std::move(vocabulary));
  return kind->make(metadata, std::move(vocabulary));
}

}  // namespace quandex
