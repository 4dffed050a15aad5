// One choice of an answer: the tokens of one sequence become its text, its tool calls and its log probabilities, whole
// or in chunks. Belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "server/api/answers.h"
#include "server/served_model.h"
#include "text/chat/chat_parser.h"
#include "text/detokenizer.h"

namespace quandex::server {

// A token as the engine's event tells it, kept.
struct SampledToken {
  int32_t id = 0;
  std::optional<float> logprob;
  std::vector<TokenLogprob> top;
};

class Choice {
 public:
  Choice(const ServedModel& model, int index, std::vector<std::string> stops, bool at_start_of_text);
  virtual ~Choice() = default;

  void push(const SampledToken& token);  // ignored once the choice has ended
  void end(EndReason reason);            // likewise

  bool is_ended() const { return end_.has_value(); }
  bool met_stop_string() const { return detokenizer_.is_stopped(); }
  EndReason reason() const { return end_.value_or(EndReason::stop); }
  int index() const { return index_; }
  int n_tokens() const { return n_tokens_; }  // pushed, and the one that ended the sequence
  void count_end_token() { ++n_tokens_; }
  int n_reasoning() const { return n_reasoning_; }

  // What has come since the last call; nothing where nothing can be shown yet.
  virtual std::optional<Json> take_chunk(const AnswerHead& head, bool with_usage) = 0;

 protected:
  virtual void add_text(const std::string& text) = 0;
  virtual void finish_text() {}
  virtual EndReason end_reason(EndReason reason) const { return reason; }
  virtual bool is_reasoning() const { return false; }
  virtual bool is_complete() const { return false; }  // whatever comes, the answer has all that it may have
  TokenChoice token_choice(const SampledToken& token) const;
  void show(const std::vector<int32_t>& markers);  // control tokens that are text all the same; before the first token
  std::vector<TokenChoice> take_shown_logprobs();  // of tokens whose text has come out, at least in part

  const ServedModel& model_;
  Detokenizer detokenizer_;
  bool has_logprobs_ = false;

 private:
  void note_logprob(const SampledToken& token);
  size_t n_shown_logprobs() const;

  const int index_;
  std::optional<EndReason> end_;
  int n_tokens_ = 0, n_reasoning_ = 0;
  uint64_t n_shown_bytes_ = 0;
  Detokenizer measured_;  // nothing is held back: where each token's text begins; only with log probabilities
  uint64_t n_measured_bytes_ = 0;
  int n_measured_characters_ = 0;
  std::vector<TokenChoice> logprobs_;     // not yet taken
  std::vector<uint64_t> logprob_begins_;  // where the text of each begins
};

class ChatAnswerChoice final : public Choice {
 public:
  // `most_calls`: the answer ends after that many tool calls.
  ChatAnswerChoice(const ServedModel& model, int index, std::vector<std::string> stops,
                   const ChatParserOptions& options, size_t most_calls = std::numeric_limits<size_t>::max());

  std::optional<Json> take_chunk(const AnswerHead& head, bool with_usage) override;
  ChatChoice whole() &&;

 private:
  void add_text(const std::string& text) override { add(parser_.push(text)); }
  void finish_text() override { add(parser_.finish()); }
  EndReason end_reason(EndReason reason) const override;
  bool is_reasoning() const override { return parser_.is_reasoning(); }
  bool is_complete() const override { return result_.tool_calls.size() >= most_calls_; }
  void add(ChatDelta delta);

  ChatParser parser_;
  const size_t most_calls_;
  ChatResult result_;  // of all text
  ChatDelta news_;     // since the last chunk
  size_t n_sent_calls_ = 0;
  bool is_first_ = true, has_sent_end_ = false;
};

class TextAnswerChoice final : public Choice {
 public:
  // `echo`: the prompt's text, which comes first. Without `with_logprobs` the prompt's are dropped.
  TextAnswerChoice(const ServedModel& model, int index, std::vector<std::string> stops, std::string echo,
                   bool with_logprobs = true);

  // With its log probability, which the first one has not. All of them come before the first of the answer.
  void push_prompt(const SampledToken& token);

  std::optional<Json> take_chunk(const AnswerHead& head, bool with_usage) override;
  CompletionChoice whole() &&;

 private:
  void add_text(const std::string& text) override { news_ += text; }
  std::optional<CompletionLogprobs> take_logprobs();

  void place_prompt_tokens();

  const int n_echoed_characters_;
  const bool with_logprobs_;
  const size_t n_echoed_bytes_;
  std::string news_;  // since the last chunk
  std::vector<int32_t> prompt_;
  std::vector<TokenChoice> prompt_logprobs_;
  std::vector<bool> is_known_;  // of prompt_logprobs_
  bool has_sent_end_ = false;
};

}  // namespace quandex::server
