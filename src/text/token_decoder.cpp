#include "text/token_decoder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "text/byte_map.h"
#include "text/split_behavior.h"
#include "text/stage_table.h"
#include "text/text_pattern.h"
#include "text/vocabulary.h"

namespace quandex {
namespace {

using Next = DecoderStage::Next;

constexpr std::string_view kReplacement = "\uFFFD";

// What stages may make of a token, and put in place of a match: one after the other they can multiply a text.
constexpr size_t kMaxMadeBytes = size_t{1} << 20, kMaxContentBytes = 256;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t done = 0;
  for (size_t at; (at = text.find(from, done)) != std::string_view::npos; done = at + from.size())
    out.append(text.substr(done, at - done)).append(to);
  return out.append(text.substr(done));
}

class ByteLevelStage final : public DecoderStage {
 public:
  void push(std::string_view token, DecoderState&, Next next) const override { next(bytes_of_spelled_token(token)); }
  bool joins() const override { return true; }
};

class FuseStage final : public DecoderStage {
 public:
  void push(std::string_view token, DecoderState&, Next next) const override { next(token); }
  bool joins() const override { return true; }
};

// A run of byte tokens becomes the text that its bytes are; where they are none, each byte becomes U+FFFD.
class ByteFallbackStage final : public DecoderStage {
 public:
  void push(std::string_view token, DecoderState& state, Next next) const override {
    if (const auto byte = parse_byte_token(token)) {
      state.held.push_back(static_cast<char>(*byte));
      return;
    }
    finish(state, next);
    next(token);
  }
  void finish(DecoderState& state, Next next) const override {
    const std::string bytes = std::exchange(state.held, {});
    if (bytes.empty()) return;
    if (is_valid_utf8(bytes)) return next(bytes);
    for (size_t i = 0; i < bytes.size(); ++i) next(kReplacement);
  }
};

class MetaspaceStage final : public DecoderStage {
 public:
  explicit MetaspaceStage(const JsonField& field) {
    append_utf8(parse_character(field["replacement"]), mark_);
    const bool adds_prefix = field["add_prefix_space"].boolean_or(true);
    const std::string scheme = field["prepend_scheme"].string_or(adds_prefix ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      field["prepend_scheme"].refuse_unsupported("always, first or never");
    drops_first_ = scheme != "never";
  }
  void push(std::string_view token, DecoderState& state, Next next) const override {
    next(replace_all(token, mark_, state.n_tokens == 0 && drops_first_ ? "" : " "));
  }

 private:
  std::string mark_;
  bool drops_first_ = true;
};

class WordPieceStage final : public DecoderStage {
 public:
  explicit WordPieceStage(const JsonField& field)
      : prefix_(field["prefix"].string_or("##")), cleans_(field["cleanup"].boolean_or(true)) {}
  void push(std::string_view token, DecoderState& state, Next next) const override {
    const bool goes_on = state.n_tokens > 0 && token.starts_with(prefix_);
    if (goes_on) token.remove_prefix(prefix_.size());
    std::string text(state.n_tokens > 0 && !goes_on ? 1 : 0, ' ');
    text.append(token);
    next(cleans_ ? clean(std::move(text)) : text);
  }

 private:
  // Spaces that English does not have, one kind after the other.
  static std::string clean(std::string text) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kReplacements = {{{" .", "."},
                                                                                              {" ?", "?"},
                                                                                              {" !", "!"},
                                                                                              {" ,", ","},
                                                                                              {" ' ", "'"},
                                                                                              {" n't", "n't"},
                                                                                              {" 'm", "'m"},
                                                                                              {" do not", " don't"},
                                                                                              {" 's", "'s"},
                                                                                              {" 've", "'ve"},
                                                                                              {" 're", "'re"}}};
    for (const auto& [from, to] : kReplacements) text = replace_all(text, from, to);
    return text;
  }

  std::string prefix_;
  bool cleans_;
};

// The mark at the end of words becomes a space, but for the last token; so each waits for the next.
class BpeStage final : public DecoderStage {
 public:
  explicit BpeStage(const JsonField& field) : suffix_(field["suffix"].string_or("</w>")) {
    if (suffix_.empty()) field["suffix"].refuse_unsupported("a text that is not empty");
  }
  void push(std::string_view token, DecoderState& state, Next next) const override {
    if (state.n_tokens > 0) next(replace_all(state.held, suffix_, " "));
    state.held = token;
  }
  void finish(DecoderState& state, Next next) const override {
    if (state.n_tokens > 0) next(replace_all(std::exchange(state.held, {}), suffix_, ""));
  }

 private:
  std::string suffix_;
};

class ReplaceStage final : public DecoderStage {
 public:
  explicit ReplaceStage(const JsonField& field) : pattern_(field["pattern"]), content_(field["content"].string()) {
    if (content_.size() > kMaxContentBytes)
      field["content"].refuse_unsupported(fmt::format("at most {} bytes", kMaxContentBytes));
  }
  void push(std::string_view token, DecoderState&, Next next) const override {
    std::string out;
    size_t done = 0;
    pattern_.for_each(token, [&](SplitPattern::Match match) {
      out.append(token.substr(done, match.begin - done)).append(content_);
      done = match.end;
    });
    next(out.append(token.substr(done)));
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

// Up to so many of one character off each end of each token.
class StripStage final : public DecoderStage {
 public:
  explicit StripStage(const JsonField& field) : start_(count(field["start"])), stop_(count(field["stop"])) {
    append_utf8(parse_character(field["content"]), character_);
  }
  void push(std::string_view token, DecoderState&, Next next) const override {
    for (size_t i = 0; i < start_ && token.starts_with(character_); ++i) token.remove_prefix(character_.size());
    for (size_t i = 0; i < stop_ && token.ends_with(character_); ++i) token.remove_suffix(character_.size());
    next(token);
  }
  size_t start() const { return start_; }
  size_t stop() const { return stop_; }
  const std::string& character() const { return character_; }

 private:
  static size_t count(const JsonField& field) {
    const int64_t n = field.integer();
    if (n < 0) field.refuse("0 or more");
    return static_cast<size_t>(n);
  }

  std::string character_;
  size_t start_, stop_;
};

// The same behind a stage that joins, where there is one token whose parts come one by one. What may be its end waits.
class StripTextStage final : public DecoderStage {
 public:
  explicit StripTextStage(const JsonField& field) : strip_(field) {}
  bool joins() const override { return true; }

  void push(std::string_view part, DecoderState& state, Next next) const override {
    const std::string& character = strip_.character();
    state.held.append(part);
    std::string_view text = state.held;
    while (!state.is_past_start && text.starts_with(character) && state.n_stripped < strip_.start()) {
      text.remove_prefix(character.size());
      ++state.n_stripped;
    }
    if (state.n_stripped == strip_.start() || !std::string_view(character).starts_with(text))
      state.is_past_start = true;
    const size_t n_ready = state.is_past_start ? text.size() - waiting_size(text) : 0;
    next(text.substr(0, n_ready));
    state.held = std::string(text.substr(n_ready));
  }
  void finish(DecoderState& state, Next next) const override {
    std::string_view text = state.held;
    for (size_t i = 0; i < strip_.stop() && text.ends_with(strip_.character()); ++i)
      text.remove_suffix(strip_.character().size());
    next(text);
    state.held.clear();
  }

 private:
  // Bytes at the end that finish() may have to take off, or the beginning of such a character.
  size_t waiting_size(std::string_view text) const {
    const std::string_view character = strip_.character();
    if (strip_.stop() == 0) return 0;
    size_t n_waiting = std::min(character.size() - 1, text.size());
    while (n_waiting > 0 && !text.ends_with(character.substr(0, n_waiting))) --n_waiting;
    text.remove_suffix(n_waiting);
    for (size_t i = 0; i < strip_.stop() && text.ends_with(character); ++i) {
      text.remove_suffix(character.size());
      n_waiting += character.size();
    }
    return n_waiting;
  }

  StripStage strip_;
};

class SpaceBetweenStage final : public DecoderStage {
 public:
  void push(std::string_view token, DecoderState& state, Next next) const override {
    if (state.n_tokens > 0) next(" ");
    next(token);
  }
};

template <typename Stage>
constexpr auto make = make_stage<DecoderStage, Stage>;

constexpr std::array<StageKind<DecoderStage>, 8> kKinds = {{
    {"ByteLevel", make<ByteLevelStage>},
    {"Metaspace", make<MetaspaceStage>},
    {"WordPiece", make<WordPieceStage>},
    {"ByteFallback", make<ByteFallbackStage>},
    {"Fuse", make<FuseStage>},
    {"Strip", make<StripStage>},
    {"Replace", make<ReplaceStage>},
    {"BPEDecoder", make<BpeStage>},
}};

constexpr std::array<StageKind<DecoderStage>, 2> kKindsBehindJoin = {{
    {"Strip", make<StripTextStage>},
    {"Fuse", make<FuseStage>},
}};

void add_stages(const JsonField& field, std::vector<std::unique_ptr<const DecoderStage>>& stages) {
  if (!field["type"].is_absent() && field["type"].string() == "Sequence") {
    for (size_t i = 0; i < field["decoders"].size(); ++i) add_stages(field["decoders"][i], stages);
    return;
  }
  const bool is_joined = std::ranges::any_of(stages, [](const auto& stage) { return stage->joins(); });
  if (is_joined)
    parse_stages(field, "decoders", kKindsBehindJoin, stages);
  else
    parse_stages(field, "decoders", kKinds, stages);
}

}  // namespace

TokenDecoder::TokenDecoder(const JsonField& field) : source_(field.source()) {
  if (field.is_absent())
    stages_.push_back(std::make_unique<SpaceBetweenStage>());
  else
    add_stages(field, stages_);
}

TokenDecoder::Stream::Stream(const TokenDecoder& decoder, bool at_start)
    : decoder_(&decoder), states_(decoder.stages_.size()) {
  for (DecoderState& state : states_) {
    state.n_tokens = at_start ? 0 : 1;
    state.is_past_start = !at_start;
  }
}

void TokenDecoder::Stream::push(std::string_view token, std::string& text) { push_from(0, token, text); }

void TokenDecoder::Stream::push_from(size_t level, std::string_view token, std::string& text) {
  if (level > 0 && token.size() > kMaxMadeBytes)
    throw Error(ErrorCode::unsupported, "{}: the decoder makes more than {} bytes of a token, expected less",
                decoder_->source_, kMaxMadeBytes);
  if (level == states_.size()) {
    text.append(token);
    return;
  }
  decoder_->stages_[level]->push(token, states_[level],
                                 [&](std::string_view next) { push_from(level + 1, next, text); });
  ++states_[level].n_tokens;
}

void TokenDecoder::Stream::finish(std::string& text) {
  for (size_t level = 0; level < states_.size(); ++level)
    decoder_->stages_[level]->finish(states_[level], [&](std::string_view next) { push_from(level + 1, next, text); });
}

}  // namespace quandex
