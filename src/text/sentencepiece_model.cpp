// tokenizer.model: the message ModelProto of SentencePiece (sentencepiece_model.proto).
#include <array>
#include <cmath>

#include "base/shown.h"
#include "base/utf8.h"
#include "text/charsmap.h"
#include "text/hf_vocabulary_parts.h"
#include "text/protobuf.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr int32_t kUnigram = 1, kBpe = 2;

struct TrainerSpec {
  int32_t model_type = 1;  // Unigram, where the file does not say
  bool has_space_as_suffix = false, has_byte_fallback = false;
  int32_t unknown = 0, bos = 1, eos = 2, padding = -1;
};

struct NormalizerSpec {
  std::string_view charsmap;
  bool has_rules = false, adds_dummy_prefix = true, removes_extra_spaces = true, escapes_spaces = true;
};

TrainerSpec read_trainer_spec(ProtobufReader reader) {
  TrainerSpec spec;
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 3:
        spec.model_type = reader.integer(*field);
        break;
      case 24:
        spec.has_space_as_suffix = reader.boolean(*field);
        break;
      case 35:
        spec.has_byte_fallback = reader.boolean(*field);
        break;
      case 40:
        spec.unknown = reader.integer(*field);
        break;
      case 41:
        spec.bos = reader.integer(*field);
        break;
      case 42:
        spec.eos = reader.integer(*field);
        break;
      case 43:
        spec.padding = reader.integer(*field);
        break;
      default:  // the rest is of training only
        break;
    }
  }
  return spec;
}

NormalizerSpec read_normalizer_spec(ProtobufReader reader) {
  NormalizerSpec spec;
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 2:
        spec.charsmap = reader.text(*field);
        break;
      case 6:  // normalization_rule_tsv
        spec.has_rules = spec.has_rules || !reader.text(*field).empty();
        break;
      case 3:
        spec.adds_dummy_prefix = reader.boolean(*field);
        break;
      case 4:
        spec.removes_extra_spaces = reader.boolean(*field);
        break;
      case 5:
        spec.escapes_spaces = reader.boolean(*field);
        break;
      default:
        break;
    }
  }
  return spec;
}

struct Piece {
  std::string_view text;
  float score = 0;
  int32_t type = 1;
};

Piece read_piece(ProtobufReader reader, size_t offset) {
  Piece piece;
  while (const auto field = reader.next()) {
    if (field->number == 1) piece.text = reader.text(*field);
    if (field->number == 2) piece.score = reader.real(*field);
    if (field->number == 3) piece.type = reader.integer(*field);
  }
  if (piece.text.empty() || !is_valid_utf8(piece.text))
    reader.refuse(offset, fmt::format("the piece '{}'", shown(piece.text)), "a text in UTF-8");
  if (!std::isfinite(piece.score))
    reader.refuse(offset, fmt::format("the score {} of '{}'", piece.score, shown(piece.text)), "a finite number");
  if (piece.type < 1 || piece.type > 6)
    reader.refuse(offset, fmt::format("the type {} of '{}'", piece.type, shown(piece.text)), "1 to 6");
  return piece;
}

void check_trainer(const TrainerSpec& trainer, std::string_view source) {
  constexpr std::array<std::string_view, 5> kModelTypes = {"0", "Unigram", "BPE", "Word", "Char"};
  const auto refuse = [&](std::string_view field, std::string_view found, std::string_view expected) {
    throw Error(ErrorCode::unsupported, "{}: trainer_spec.{} is {}, expected {}", source, field, found, expected);
  };
  const auto type = static_cast<size_t>(trainer.model_type);
  if (trainer.model_type != kBpe && trainer.model_type != kUnigram)
    refuse("model_type",
           type < kModelTypes.size() ? std::string(kModelTypes[type]) : fmt::to_string(trainer.model_type),
           "Unigram or BPE: SentencePiece's other models are not supported");
  if (trainer.has_space_as_suffix) refuse("treat_whitespace_as_suffix", "true", "false");
  if (!trainer.has_byte_fallback && trainer.model_type == kBpe)
    refuse("byte_fallback", "false", "true: every text must have ids");
}

void check_normalizer(const NormalizerSpec& normalizer, bool is_bpe, std::string_view source) {
  const auto refuse = [&](std::string_view field, std::string_view found, std::string_view expected) {
    throw Error(ErrorCode::unsupported, "{}: {} is {}, expected {}", source, field, found, expected);
  };
  if (normalizer.has_rules && normalizer.charsmap.empty())
    refuse("normalizer_spec.normalization_rule_tsv", "set", "empty: rules that are compiled");
  if (is_bpe && !normalizer.charsmap.empty())
    refuse("normalizer_spec.precompiled_charsmap", "set", "empty for BPE: no normalization of text");
  if (is_bpe && normalizer.removes_extra_spaces) refuse("normalizer_spec.remove_extra_whitespaces", "true", "false");
  if (!normalizer.escapes_spaces) refuse("normalizer_spec.escape_whitespaces", "false", "true");
}

void add_piece(HfTokens& tokens, const Piece& piece, int64_t id, bool adds_dummy_prefix, std::string_view source) {
  const auto type = static_cast<TokenType>(piece.type);  // the numbers are GGUF's
  if (type == TokenType::unused)
    throw Error(ErrorCode::unsupported, "{}: the piece '{}' is unused, expected none that is", source,
                shown(piece.text));
  if (type == TokenType::byte && !parse_byte_token(piece.text))
    throw Error(ErrorCode::invalid_file, "{}: the byte piece {} is '{}', expected a byte such as <0x0A>", source, id,
                shown(piece.text));
  if (type == TokenType::control && piece.text.find(kSpace) != piece.text.npos)
    throw Error(ErrorCode::unsupported, "{}: the control piece '{}' has a space, expected none", source,
                shown(piece.text));
  // User-defined tokens are matched in text as written, where spaces are spaces.
  const bool is_matched = type == TokenType::user_defined;
  if (is_matched && adds_dummy_prefix && piece.text.starts_with(kSpace))
    throw Error(ErrorCode::unsupported,
                "{}: the user-defined piece '{}' begins with a space, expected none that could take the dummy prefix",
                source, shown(piece.text));
  tokens.add(id, is_matched ? SpmEncoder::mark_to_space(piece.text) : std::string(piece.text), type, piece.score);
}

void check_bytes(const HfTokens& tokens, std::string_view source) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text = fmt::format("<0x{:02X}>", byte);
    const auto id = tokens.find(text);
    if (!id || tokens.all()[static_cast<size_t>(*id)].type != TokenType::byte)
      throw Error(ErrorCode::invalid_file, "{}: there is no byte piece {}, expected all 256", source, text);
  }
}

int32_t checked_id(int32_t id, const HfTokens& tokens, std::string_view name, std::string_view source) {
  if (id >= 0 && static_cast<size_t>(id) >= tokens.all().size())
    throw Error(ErrorCode::invalid_file, "{}: trainer_spec.{} is {}, expected an id below {}", source, name, id,
                tokens.all().size());
  // Ids that trainer_spec assumes for all models belong to these kinds of pieces where they are meant.
  if (id < 0) return -1;
  const auto type = tokens.all()[static_cast<size_t>(id)].type;
  return type == TokenType::control || type == TokenType::unknown ? id : -1;
}

}  // namespace

HfVocabulary parse_sentencepiece_model(std::span<const std::byte> bytes, std::string_view source, int n_vocab) {
  std::vector<Piece> pieces;
  TrainerSpec trainer;
  NormalizerSpec normalizer;
  ProtobufReader reader(bytes, source);
  while (const auto field = reader.next()) {
    if (field->number == 1) pieces.push_back(read_piece(reader.message(*field), field->offset));
    if (field->number == 2) trainer = read_trainer_spec(reader.message(*field));
    if (field->number == 3) normalizer = read_normalizer_spec(reader.message(*field));
    if (field->number != 5) continue;
    if (const auto spec = read_normalizer_spec(reader.message(*field)); spec.has_rules || !spec.charsmap.empty())
      throw Error(ErrorCode::unsupported, "{}: denormalizer_spec has rules, expected none", source);
  }
  if (pieces.empty())
    throw Error(ErrorCode::invalid_file, "{}: found no pieces, expected a SentencePiece model", source);
  check_trainer(trainer, source);
  const bool is_bpe = trainer.model_type == kBpe;
  check_normalizer(normalizer, is_bpe, source);

  HfVocabulary vocabulary{.tokens = HfTokens(n_vocab, pieces.size(), source), .model = is_bpe ? "llama" : "t5"};
  for (size_t id = 0; id < pieces.size(); ++id)
    add_piece(vocabulary.tokens, pieces[id], static_cast<int64_t>(id), normalizer.adds_dummy_prefix, source);
  if (trainer.has_byte_fallback) check_bytes(vocabulary.tokens, source);
  vocabulary.adds_space_prefix = normalizer.adds_dummy_prefix;
  if (is_bpe) {
    vocabulary.space_prefix = SpacePrefix::not_user_defined;
  } else {
    if (!normalizer.charsmap.empty()) (void)Charsmap(normalizer.charsmap, source);  // refuses what is none
    vocabulary.charsmap = normalizer.charsmap;
    vocabulary.removes_extra_spaces = normalizer.removes_extra_spaces;
  }
  vocabulary.unknown = checked_id(trainer.unknown, vocabulary.tokens, "unk_id", source);
  vocabulary.bos = checked_id(trainer.bos, vocabulary.tokens, "bos_id", source);
  vocabulary.eos = checked_id(trainer.eos, vocabulary.tokens, "eos_id", source);
  vocabulary.padding = checked_id(trainer.padding, vocabulary.tokens, "pad_id", source);
  return vocabulary;
}

}  // namespace quandex
