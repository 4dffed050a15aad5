#include "text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "text/byte_map.h"
#include "text/normalizer.h"
#include "text/split_behavior.h"
#include "text/stage_table.h"
#include "text/text_pattern.h"
#include "text/unicode.h"

namespace quandex {
namespace {

using Next = FunctionRef<void(TextPiece)>;

TextPiece part_of(TextPiece piece, size_t begin, size_t end) {
  const size_t n_at_start = piece.n_at_start > begin ? std::min(piece.n_at_start, end) - begin : 0;
  return {piece.text.substr(begin, end - begin), n_at_start};
}

template <typename ForEachMatch>
void split_at(TextPiece piece, SplitBehavior behavior, bool inverts, const ForEachMatch& for_each_match, Next next) {
  split_by_matches(piece.text, behavior, inverts, for_each_match,
                   [&](size_t begin, size_t end) { next(part_of(piece, begin, end)); });
}

class SplitStage final : public PreTokenizerStage {
 public:
  explicit SplitStage(const JsonField& field)
      : pattern_(field["pattern"]),
        behavior_(parse_split_behavior(field["behavior"])),
        inverts_(field["invert"].boolean_or(false)) {}
  SplitStage(std::string_view regex, SplitBehavior behavior, std::string_view source)
      : pattern_(regex, source), behavior_(behavior), inverts_(false) {}

  void split(TextPiece piece, Next next) const override {
    split_at(piece, behavior_, inverts_, [&](const auto& visit) { pattern_.for_each(piece.text, visit); }, next);
  }

 private:
  TextPattern pattern_;
  SplitBehavior behavior_;
  bool inverts_;
};

// Splits where characters of a class are; each is a match of its own.
template <typename IsMatch>
void split_at_characters(TextPiece piece, const IsMatch& is_match, SplitBehavior behavior, Next next) {
  const auto for_each_match = [&](const auto& visit) {
    for (size_t at = 0; at < piece.text.size();) {
      const DecodedCodepoint c = decode_utf8(piece.text.substr(at));
      const size_t end = at + static_cast<size_t>(c.n_bytes);
      if (is_match(c.value)) visit(SplitPattern::Match{at, end});
      at = end;
    }
  };
  split_at(piece, behavior, false, for_each_match, next);
}

class DigitsStage final : public PreTokenizerStage {
 public:
  explicit DigitsStage(const JsonField& field) : is_each_(field["individual_digits"].boolean_or(false)) {}
  void split(TextPiece piece, Next next) const override {
    split_at_characters(piece, is_number, is_each_ ? SplitBehavior::isolated : SplitBehavior::contiguous, next);
  }

 private:
  bool is_each_;
};

class PunctuationStage final : public PreTokenizerStage {
 public:
  explicit PunctuationStage(const JsonField& field)
      : behavior_(field["behavior"].is_absent() ? SplitBehavior::isolated : parse_split_behavior(field["behavior"])) {}
  void split(TextPiece piece, Next next) const override { split_at_characters(piece, is_punctuation, behavior_, next); }

 private:
  SplitBehavior behavior_;
};

class WhitespaceSplitStage final : public PreTokenizerStage {
 public:
  void split(TextPiece piece, Next next) const override {
    split_at_characters(piece, is_white_space, SplitBehavior::removed, next);
  }
};

// Runs of characters of words, and runs of what is neither that nor white space.
class WhitespaceStage final : public PreTokenizerStage {
 public:
  void split(TextPiece piece, Next next) const override {
    size_t begin = 0;
    Kind kind = Kind::space;
    const auto pass = [&](size_t end) {
      if (kind != Kind::space) next(part_of(piece, begin, end));
    };
    for (size_t at = 0; at < piece.text.size();) {
      const DecodedCodepoint c = decode_utf8(piece.text.substr(at));
      if (const Kind found = kind_of(c.value); found != kind) {
        pass(at);
        begin = at;
        kind = found;
      }
      at += static_cast<size_t>(c.n_bytes);
    }
    pass(piece.text.size());
  }

 private:
  enum class Kind : uint8_t { space, word, other };
  static Kind kind_of(char32_t c) {
    return is_word_character(c) ? Kind::word : is_white_space(c) ? Kind::space : Kind::other;
  }
};

class BertStage final : public PreTokenizerStage {
 public:
  void split(TextPiece piece, Next next) const override {
    split_at_characters(piece, is_white_space, SplitBehavior::removed, [&](TextPiece word) {
      split_at_characters(word, is_punctuation, SplitBehavior::isolated, next);
    });
  }
};

class CharDelimiterStage final : public PreTokenizerStage {
 public:
  explicit CharDelimiterStage(const JsonField& field) : delimiter_(parse_character(field["delimiter"])) {}
  void split(TextPiece piece, Next next) const override {
    split_at_characters(piece, [this](char32_t c) { return c == delimiter_; }, SplitBehavior::removed, next);
  }

 private:
  char32_t delimiter_;
};

class MetaspaceStage final : public PreTokenizerStage {
 public:
  explicit MetaspaceStage(const JsonField& field) : splits_(field["split"].boolean_or(true)) {
    append_utf8(parse_character(field["replacement"]), mark_);
    const bool adds_prefix = field["add_prefix_space"].boolean_or(true);  // of older files, which lack a scheme
    const std::string scheme = field["prepend_scheme"].string_or(adds_prefix ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      field["prepend_scheme"].refuse_unsupported("always, first or never");
    if (!adds_prefix && scheme != "never")
      field["add_prefix_space"].refuse("true where prepend_scheme is not \"never\"");
    prepends_ = scheme != "never";
    prepends_at_start_only_ = scheme == "first";
  }

  void split(TextPiece piece, Next next) const override {
    std::string text;
    size_t n_at_start = 0;
    for (size_t i = 0; i < piece.text.size(); ++i) {
      if (piece.text[i] == ' ')
        text += mark_;
      else
        text.push_back(piece.text[i]);
      if (i + 1 == piece.n_at_start) n_at_start = text.size();
    }
    const bool prepends = prepends_ && (!prepends_at_start_only_ || piece.n_at_start > 0);
    if (prepends && !text.empty() && !text.starts_with(mark_)) {
      text.insert(0, mark_);
      if (n_at_start > 0) n_at_start += mark_.size();
    }
    const TextPiece marked{text, n_at_start};
    if (!splits_) return next(marked);
    const auto for_each_match = [&](const auto& visit) {
      for (size_t at = 0; (at = text.find(mark_, at)) != text.npos; at += mark_.size())
        visit(SplitPattern::Match{at, at + mark_.size()});
    };
    split_at(marked, SplitBehavior::merged_with_next, false, for_each_match, next);
  }

 private:
  std::string mark_;  // stands for a space
  bool splits_, prepends_ = true, prepends_at_start_only_ = false;
};

class ByteLevelStage final : public PreTokenizerStage {
 public:
  explicit ByteLevelStage(const JsonField& field) : ByteLevelStage(field, PreTokenizer::Bytes::spelled) {}
  ByteLevelStage(const JsonField& field, PreTokenizer::Bytes bytes)
      : adds_space_(field["add_prefix_space"].boolean_or(true)), spells_(bytes == PreTokenizer::Bytes::spelled) {
    if (field["use_regex"].boolean_or(true))
      pattern_.emplace(find_pre_tokenizer_rule("gpt-2", field.source()).patterns[0], field.source());
  }

  void split(TextPiece piece, Next next) const override {
    std::string with_space;
    if (adds_space_ && !piece.text.empty() && !piece.text.starts_with(' ')) {
      with_space.append(1, ' ').append(piece.text);
      piece = {with_space, piece.n_at_start > 0 ? piece.n_at_start + 1 : 0};
    }
    if (pattern_)
      split_at(
          piece, SplitBehavior::isolated, false, [&](const auto& visit) { pattern_->for_each(piece.text, visit); },
          [&](TextPiece part) { pass(part, next); });
    else
      pass(piece, next);
  }

 private:
  void pass(TextPiece piece, Next next) const {
    if (!spells_) return next(piece);
    const std::string spelled = to_byte_characters(piece.text);
    next({spelled, to_byte_characters(piece.text.substr(0, piece.n_at_start)).size()});
  }

  bool adds_space_, spells_;
  std::optional<TextPattern> pattern_;
};

template <typename Stage>
constexpr auto make = make_stage<PreTokenizerStage, Stage>;

constexpr std::array<StageKind<PreTokenizerStage>, 9> kKinds = {{
    {"Split", make<SplitStage>},
    {"ByteLevel", make<ByteLevelStage>},
    {"Metaspace", make<MetaspaceStage>},
    {"Digits", make<DigitsStage>},
    {"Punctuation", make<PunctuationStage>},
    {"Whitespace", make<WhitespaceStage>},
    {"WhitespaceSplit", make<WhitespaceSplitStage>},
    {"BertPreTokenizer", make<BertStage>},
    {"CharDelimiterSplit", make<CharDelimiterStage>},
}};

// The last stage, where it is ByteLevel.
std::optional<JsonField> last_byte_level(const JsonField& field) {
  if (field.is_absent()) return std::nullopt;
  const std::string& type = field["type"].string();
  if (type == "ByteLevel") return field;
  if (type != "Sequence" || field["pretokenizers"].size() == 0) return std::nullopt;
  return last_byte_level(field["pretokenizers"][field["pretokenizers"].size() - 1]);
}

}  // namespace

PreTokenizer::PreTokenizer(const PreTokenizerRule& rule) : source_("pre-tokenizer") {
  for (const std::string_view pattern : rule.patterns)
    stages_.push_back(std::make_unique<SplitStage>(pattern, SplitBehavior::isolated, "pre-tokenizer"));
}

PreTokenizer::PreTokenizer(const JsonField& field, Bytes bytes) : source_(field.source()) {
  parse_stages(field, "pretokenizers", kKinds, stages_);
  if (bytes == Bytes::spelled) return;
  if (const auto last = last_byte_level(field)) stages_.back() = std::make_unique<ByteLevelStage>(*last, bytes);
}

void PreTokenizer::split(TextPiece text, FunctionRef<void(std::string_view)> piece) const {
  // A space can become four bytes, and a byte that ByteLevel spells two; what is spelled again and again has no use.
  split_level(0, text, std::min(64 * text.text.size() + 64, 3 * kMaxTextBytes), piece);
}

void PreTokenizer::split_level(size_t level, TextPiece text, size_t max_bytes,
                               FunctionRef<void(std::string_view)> piece) const {
  if (text.text.empty()) return;
  if (text.text.size() > max_bytes)
    throw Error(ErrorCode::unsupported, "{}: the pre-tokenizer makes more than {} bytes of a text, expected less",
                source_, max_bytes);
  if (level == stages_.size()) return piece(text.text);
  if (level + 1 == stages_.size()) {  // most pieces pass here
    const auto last = [&](TextPiece part) {
      if (!part.text.empty()) piece(part.text);
    };
    return stages_[level]->split(text, last);
  }
  stages_[level]->split(text, [&](TextPiece part) { split_level(level + 1, part, max_bytes, piece); });
}

}  // namespace quandex
