#include "text/normalizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "text/base64.h"
#include "text/charsmap.h"
#include "text/stage_table.h"
#include "text/text_pattern.h"
#include "text/unicode.h"

namespace quandex {
namespace {

// Writes the new text of a stage, and keeps count of what stands for the first character of the input.
class Rewriter {
 public:
  explicit Rewriter(StagedText& staged) : staged_(staged) { out_.reserve(staged.text.size() + 8); }

  // `origin`: the byte of the old text that the new ones stand for.
  void append(std::string_view bytes, size_t origin) {
    if (out_.size() > staged_.max_bytes) return;  // apply() refuses it
    out_.append(bytes);
    if (origin < staged_.n_at_start) n_at_start_ += bytes.size();
  }
  void finish() {
    staged_.text = std::move(out_);
    staged_.n_at_start = n_at_start_;
  }

 private:
  StagedText& staged_;
  std::string out_;
  size_t n_at_start_ = 0;
};

// visit(character, its bytes, where they begin)
template <typename Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  for (size_t at = 0; at < text.size();) {
    const DecodedCodepoint c = decode_utf8(text.substr(at));
    visit(c.value, text.substr(at, static_cast<size_t>(c.n_bytes)), at);
    at += static_cast<size_t>(c.n_bytes);
  }
}

template <typename Drops>
void drop_characters(StagedText& staged, const Drops& drops) {
  Rewriter out(staged);
  for_each_character(staged.text, [&](char32_t c, std::string_view bytes, size_t at) {
    if (!drops(c)) out.append(bytes, at);
  });
  out.finish();
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

void bring_to(NormalForm form, StagedText& staged) {
  if (is_surely_normal(staged.text, form)) return;
  const std::string start = staged.text.substr(0, staged.n_at_start);
  staged.text = to_normal_form(staged.text, form);
  staged.n_at_start = std::min(to_normal_form(start, form).size(), staged.text.size());
  // What follows may have joined the character in front.
  while (staged.n_at_start < staged.text.size() && is_continuation(staged.text[staged.n_at_start])) ++staged.n_at_start;
}

void to_lower_case(StagedText& staged) {
  Rewriter out(staged);
  std::string lower;
  for_each_character(staged.text, [&](char32_t c, std::string_view, size_t at) {
    lower.clear();
    append_lower_case(c, lower);
    out.append(lower, at);
  });
  out.finish();
}

class NormalFormStage final : public NormalizerStage {
 public:
  explicit NormalFormStage(NormalForm form) : form_(form) {}
  void apply(StagedText& staged) const override { bring_to(form_, staged); }
  bool surely_keeps(std::string_view text) const override { return is_surely_normal(text, form_); }

 private:
  NormalForm form_;
};

class LowercaseStage final : public NormalizerStage {
 public:
  void apply(StagedText& staged) const override { to_lower_case(staged); }
  bool surely_keeps(std::string_view) const override { return false; }
};

class StripAccentsStage final : public NormalizerStage {
 public:
  void apply(StagedText& staged) const override { drop_characters(staged, is_mark); }
  bool surely_keeps(std::string_view text) const override { return is_ascii(text); }
};

class StripStage final : public NormalizerStage {
 public:
  explicit StripStage(const JsonField& field)
      : left_(field["strip_left"].boolean_or(true)), right_(field["strip_right"].boolean_or(true)) {}

  void apply(StagedText& staged) const override {
    size_t first = staged.text.size(), end = 0;  // of what is no white space
    for_each_character(staged.text, [&](char32_t c, std::string_view bytes, size_t at) {
      if (is_white_space(c)) return;
      first = std::min(first, at);
      end = at + bytes.size();
    });
    if (right_) staged.text.resize(left_ ? std::max(first, end) : end);
    if (!left_) return;
    staged.text.erase(0, std::min(first, staged.text.size()));
    staged.n_at_start -= std::min(first, staged.n_at_start);
  }
  bool surely_keeps(std::string_view text) const override { return text.empty(); }

 private:
  bool left_, right_;
};

class PrependStage final : public NormalizerStage {
 public:
  explicit PrependStage(const JsonField& field) : text_(field["prepend"].string()) {}

  void apply(StagedText& staged) const override {
    if (staged.text.empty()) return;
    staged.text.insert(0, text_);
    if (staged.n_at_start > 0) staged.n_at_start += text_.size();
  }
  bool surely_keeps(std::string_view text) const override { return text.empty(); }

 private:
  std::string text_;
};

class ReplaceStage final : public NormalizerStage {
 public:
  explicit ReplaceStage(const JsonField& field) : pattern_(field["pattern"]), content_(field["content"].string()) {}

  void apply(StagedText& staged) const override {
    Rewriter out(staged);
    const std::string_view text = staged.text;
    size_t done = 0;
    const auto keep_until = [&](size_t end) {
      if (const size_t n_start = std::min(end, staged.n_at_start); done < n_start) {
        out.append(text.substr(done, n_start - done), done);
        done = n_start;
      }
      if (done < end) out.append(text.substr(done, end - done), done);
      done = std::max(done, end);
    };
    pattern_.for_each(text, [&](SplitPattern::Match match) {
      keep_until(match.begin);
      // What is put in stands for the last character that was taken out.
      out.append(content_, match.end > 0 ? match.end - 1 : 0);
      done = match.end;
    });
    keep_until(text.size());
    out.finish();
  }
  bool surely_keeps(std::string_view text) const override { return text.empty(); }

 private:
  TextPattern pattern_;
  std::string content_;
};

class BertStage final : public NormalizerStage {
 public:
  explicit BertStage(const JsonField& field)
      : cleans_(field["clean_text"].boolean_or(true)),
        spaces_ideographs_(field["handle_chinese_chars"].boolean_or(true)),
        lowers_(field["lowercase"].boolean_or(true)),
        strips_accents_(field["strip_accents"].boolean_or(lowers_)) {}

  void apply(StagedText& staged) const override {
    if (cleans_ || spaces_ideographs_) clean(staged);
    if (strips_accents_) {
      bring_to(NormalForm::nfd, staged);
      drop_characters(staged, is_nonspacing_mark);
    }
    if (lowers_) to_lower_case(staged);
  }
  bool surely_keeps(std::string_view text) const override { return text.empty(); }

 private:
  void clean(StagedText& staged) const {
    Rewriter out(staged);
    for_each_character(staged.text, [&](char32_t c, std::string_view bytes, size_t at) {
      const bool is_space = is_white_space(c);
      const bool is_dropped = c == 0 || c == kReplacementCharacter || (is_control_or_format(c) && !is_break(c));
      if (cleans_ && is_dropped) return;
      const bool is_ideograph = spaces_ideographs_ && is_cjk_ideograph(c);
      if (is_ideograph) out.append(" ", at);
      out.append(cleans_ && is_space ? " " : bytes, at);
      if (is_ideograph) out.append(" ", at);
    });
    out.finish();
  }
  static bool is_break(char32_t c) { return c == '\t' || c == '\n' || c == '\r'; }

  bool cleans_, spaces_ideographs_, lowers_, strips_accents_;
};

// As the library `tokenizers` applies SentencePiece's map: to whole clusters where they are short, else to characters,
// and always the shortest entry.
class PrecompiledStage final : public NormalizerStage {
 public:
  explicit PrecompiledStage(const JsonField& field) : map_(bytes_of(field["precompiled_charsmap"]), field.source()) {}

  void apply(StagedText& staged) const override {
    constexpr size_t kShortCluster = 6;
    Rewriter out(staged);
    std::string_view text = staged.text;
    for (size_t at = 0; at < text.size();) {
      const std::string_view cluster = text.substr(at, grapheme_size(text.substr(at)));
      const auto whole = cluster.size() < kShortCluster ? map_.find_shortest(cluster) : std::nullopt;
      if (whole) {
        out.append(whole->replacement, at);
      } else {
        for_each_character(cluster, [&](char32_t, std::string_view bytes, size_t offset) {
          const auto match = map_.find_shortest(bytes);
          out.append(match ? match->replacement : bytes, at + offset);
        });
      }
      at += cluster.size();
    }
    out.finish();
  }
  bool surely_keeps(std::string_view text) const override { return text.empty(); }

 private:
  static std::string bytes_of(const JsonField& field) {
    auto bytes = decode_base64(field.string());
    if (!bytes) field.refuse("base64");
    return *std::move(bytes);
  }

  Charsmap map_;
};

template <NormalForm form>
std::unique_ptr<const NormalizerStage> make_form(const JsonField&) {
  return std::make_unique<NormalFormStage>(form);
}

template <typename Stage>
constexpr auto make = make_stage<NormalizerStage, Stage>;

constexpr std::array<StageKind<NormalizerStage>, 11> kKinds = {{
    {"NFC", make_form<NormalForm::nfc>},
    {"NFD", make_form<NormalForm::nfd>},
    {"NFKC", make_form<NormalForm::nfkc>},
    {"NFKD", make_form<NormalForm::nfkd>},
    {"Lowercase", make<LowercaseStage>},
    {"StripAccents", make<StripAccentsStage>},
    {"Strip", make<StripStage>},
    {"Prepend", make<PrependStage>},
    {"Replace", make<ReplaceStage>},
    {"BertNormalizer", make<BertStage>},
    {"Precompiled", make<PrecompiledStage>},
}};

}  // namespace

Normalizer::Normalizer(const JsonField& field) : source_(field.source()) {
  parse_stages(field, "normalizers", kKinds, stages_);
}

void Normalizer::apply(StagedText& staged) const {
  // Compatibility forms are up to eleven times as long; in front of a short text anything may go.
  staged.max_bytes = std::min(64 * staged.text.size() + (size_t{1} << 20), kMaxTextBytes);
  for (const auto& stage : stages_) {
    stage->apply(staged);
    if (staged.text.size() > staged.max_bytes)
      throw Error(ErrorCode::unsupported, "{}: the normalizer makes more than {} bytes of a text, expected less",
                  source_, staged.max_bytes);
  }
}

bool Normalizer::surely_keeps(std::string_view text) const {
  return std::ranges::all_of(stages_, [text](const auto& stage) { return stage->surely_keeps(text); });
}

}  // namespace quandex
