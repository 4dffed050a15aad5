#include "server/choice.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "text/chat/chat_format.h"

namespace quandex::server {
namespace {

int count_characters(std::string_view text) {
  return static_cast<int>(std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Choice::Choice(const ServedModel& model, int index, std::vector<std::string> stops, bool at_start_of_text)
    : model_(model),
      detokenizer_(model.tokenizer(), std::move(stops), false, at_start_of_text),
      index_(index),
      measured_(model.tokenizer(), {}, false, at_start_of_text) {}

void Choice::show(const std::vector<int32_t>& markers) {
  detokenizer_.show(markers);
  measured_.show(markers);
}

void Choice::push(const SampledToken& token) {
  if (is_ended()) return;
  ++n_tokens_;
  const std::string text = detokenizer_.push(token.id);
  n_shown_bytes_ += text.size();
  if (token.logprob) note_logprob(token);
  if (is_reasoning()) ++n_reasoning_;
  add_text(text);
  if (detokenizer_.is_stopped() || is_complete()) end(EndReason::stop);
}

void Choice::end(EndReason reason) {
  if (is_ended()) return;
  add_text(detokenizer_.finish());
  finish_text();
  end_ = end_reason(reason);
}

TokenChoice Choice::token_choice(const SampledToken& token) const {
  const auto text_of = [this](int32_t id, float logprob) {
    TokenText text{{}, logprob};
    model_.tokenizer().append(id, text.bytes, true);
    return text;
  };
  TokenChoice choice{text_of(token.id, token.logprob.value_or(0)), {}};
  for (const TokenLogprob& other : token.top) choice.top.push_back(text_of(other.id, other.logprob));
  return choice;
}

void Choice::note_logprob(const SampledToken& token) {
  has_logprobs_ = true;
  logprob_begins_.push_back(n_measured_bytes_);
  logprobs_.push_back(token_choice(token));
  logprobs_.back().offset = n_measured_characters_;
  const std::string text = measured_.push(token.id);
  n_measured_bytes_ += text.size();
  n_measured_characters_ += count_characters(text);
}

// Tokens that lie in a stop string alone, or behind it, are no part of the answer.
size_t Choice::n_shown_logprobs() const {
  if (is_ended() && !detokenizer_.is_stopped()) return logprobs_.size();
  const auto shown = std::ranges::lower_bound(logprob_begins_, n_shown_bytes_);
  return static_cast<size_t>(shown - logprob_begins_.begin());
}

std::vector<TokenChoice> Choice::take_shown_logprobs() {
  const auto n = static_cast<std::ptrdiff_t>(n_shown_logprobs());
  std::vector<TokenChoice> shown(std::make_move_iterator(logprobs_.begin()),
                                 std::make_move_iterator(logprobs_.begin() + n));
  logprobs_.erase(logprobs_.begin(), logprobs_.begin() + n);
  logprob_begins_.erase(logprob_begins_.begin(), logprob_begins_.begin() + n);
  return shown;
}

ChatAnswerChoice::ChatAnswerChoice(const ServedModel& model, int index, std::vector<std::string> stops,
                                   const ChatParserOptions& options, size_t most_calls)
    : Choice(model, index, std::move(stops), true),
      parser_(model.chat_template().format(), options),
      most_calls_(most_calls) {
  show(marker_tokens(model.chat_template().format(), model.tokenizer()));
}

void ChatAnswerChoice::add(ChatDelta delta) {
  if (is_complete()) return;
  const size_t room = most_calls_ - result_.tool_calls.size();
  if (delta.tool_calls.size() > room) delta.tool_calls.resize(room);
  result_.add(delta);
  news_.reasoning += delta.reasoning;
  news_.content += delta.content;
  std::ranges::move(delta.tool_calls, std::back_inserter(news_.tool_calls));
}

EndReason ChatAnswerChoice::end_reason(EndReason reason) const {
  return reason == EndReason::stop && !result_.tool_calls.empty() ? EndReason::tool_calls : reason;
}

std::optional<Json> ChatAnswerChoice::take_chunk(const AnswerHead& head, bool with_usage) {
  const bool has_news = !news_.reasoning.empty() || !news_.content.empty() || !news_.tool_calls.empty();
  const bool has_end = is_ended() && !has_sent_end_;
  if (!has_news && !has_end) return std::nullopt;
  ChatChunk chunk;
  chunk.index = index();
  chunk.is_first = std::exchange(is_first_, false);
  chunk.delta = std::exchange(news_, {});
  chunk.first_tool_call = static_cast<int>(n_sent_calls_);
  n_sent_calls_ += chunk.delta.tool_calls.size();
  chunk.has_logprobs = has_logprobs_;
  chunk.logprobs = take_shown_logprobs();
  if (has_end) chunk.end = reason();
  has_sent_end_ = has_end;
  return chat_chunk(head, chunk, with_usage);
}

ChatChoice ChatAnswerChoice::whole() && {
  ChatChoice choice{index(), std::move(result_), reason(), std::nullopt};
  if (has_logprobs_) choice.logprobs = take_shown_logprobs();
  return choice;
}

TextAnswerChoice::TextAnswerChoice(const ServedModel& model, int index, std::vector<std::string> stops,
                                   std::string echo, bool with_logprobs)
    : Choice(model, index, std::move(stops), false),
      n_echoed_characters_(count_characters(echo)),
      with_logprobs_(with_logprobs),
      n_echoed_bytes_(echo.size()),
      news_(std::move(echo)) {}

void TextAnswerChoice::push_prompt(const SampledToken& token) {
  if (!with_logprobs_) return;
  is_known_.push_back(token.logprob.has_value());
  prompt_logprobs_.push_back(token_choice(token));
  prompt_.push_back(token.id);
  has_logprobs_ = true;
}

// Where each token stands in the echo. What the tokenizer put before the text is no part of it.
void TextAnswerChoice::place_prompt_tokens() {
  const Tokenizer& tokenizer = model_.tokenizer();
  std::span<const int32_t> text(prompt_);
  while (!text.empty() && tokenizer.is_control(text[0]) && tokenizer.decode(text, true).size() > n_echoed_bytes_)
    text = text.subspan(1);
  const size_t n_added = prompt_.size() - text.size();
  Detokenizer measured(tokenizer, {}, true, true);
  int n_characters = 0;
  for (size_t i = 0; i < prompt_.size(); ++i) {
    prompt_logprobs_[i].offset = std::min(n_characters, n_echoed_characters_);
    if (i >= n_added) n_characters += count_characters(measured.push(prompt_[i]));
  }
}

std::optional<CompletionLogprobs> TextAnswerChoice::take_logprobs() {
  if (!has_logprobs_) return std::nullopt;
  if (!prompt_logprobs_.empty()) place_prompt_tokens();
  CompletionLogprobs taken{std::exchange(prompt_logprobs_, {}), std::exchange(is_known_, {})};
  for (TokenChoice& token : take_shown_logprobs()) {
    token.offset += n_echoed_characters_;
    taken.tokens.push_back(std::move(token));
  }
  taken.is_known.resize(taken.tokens.size(), true);
  return taken;
}

std::optional<Json> TextAnswerChoice::take_chunk(const AnswerHead& head, bool with_usage) {
  const bool has_end = is_ended() && !has_sent_end_;
  if (news_.empty() && !has_end) return std::nullopt;
  CompletionChunk chunk;
  chunk.index = index();
  chunk.text = std::exchange(news_, {});
  chunk.logprobs = take_logprobs();
  if (has_end) chunk.end = reason();
  has_sent_end_ = has_end;
  return completion_chunk(head, chunk, with_usage);
}

CompletionChoice TextAnswerChoice::whole() && {
  std::optional<CompletionLogprobs> logprobs = take_logprobs();
  return {index(), std::move(news_), reason(), std::move(logprobs)};
}

}  // namespace quandex::server
