// A model that answers conversations: the loaded model, its chat template, and what it computed last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/json.h"
#include "cli/chat_settings.h"
#include "cli/session.h"
#include "text/chat/chat_message.h"
#include "text/chat/chat_template.h"

namespace quandex::cli {

struct Prompt {
  std::string text;
  std::vector<int32_t> tokens;
  int n_tokens() const { return static_cast<int>(tokens.size()); }
};

enum class AnswerEnd : uint8_t {
  finished,  // the model ended it, or a stop string was met
  max_tokens,
  context_full,
  interrupted  // a signal, or a receiver that wants no more
};

struct Answer {
  ChatResult result;
  AnswerEnd end = AnswerEnd::finished;
  int n_prompt = 0, n_cached = 0;  // tokens; those cached were not computed again
  int n_generated = 0;             // the token that ended the answer included
  double prefill_seconds = 0, decode_seconds = 0;
  uint64_t seed = 0;

  // Tokens after the first, which the prefill makes.
  int n_decoded() const { return n_generated > 0 ? n_generated - 1 : 0; }
};

class ChatModel {
 public:
  // `template_choice`: as for ChatTemplate::named(), or empty for the model's own. Throws Error before weights are
  // loaded where there is no template.
  ChatModel(const ModelOptions& options, std::string_view template_choice);

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  const ChatTemplate& chat_template() const { return template_; }
  bool has_own_template() const { return has_own_template_; }  // not one that the user has named
  const Tokenizer& tokenizer() const { return session_.tokenizer(); }
  std::string name() const;
  int n_ctx() const { return session_.n_ctx(); }

  // Offered to the model with every prompt. Throws Error{unsupported} where the template has no place for tools.
  void set_tools(Json tools);
  void set_stops(std::vector<std::string> stops) { stops_ = std::move(stops); }

  // Throws Error{unsupported} where the template has no place for what the settings or the conversation ask for.
  void check(const ChatSettings& settings, const Conversation& conversation) const;

  Prompt prompt(const Json& messages, const ChatSettings& settings, bool asks_for_answer = true) const;

  // False: no more is wanted.
  using OnDelta = FunctionRef<bool(const ChatDelta& delta)>;
  Answer answer(const Prompt& prompt, const ChatSettings& settings, OnDelta on_delta);

 private:
  struct Opened;
  static Opened open(const std::string& path, std::string_view template_choice);
  ChatModel(const ModelOptions& options, Opened opened);
  void run(Request request, Answer& answer, FunctionRef<bool(int32_t token)> on_token);

  Session session_;
  ChatTemplate template_;
  bool has_own_template_ = true;
  Json tools_;
  std::vector<std::string> stops_;
  std::vector<int32_t> computed_;  // the last prompt and what was generated after it
  uint64_t n_answers_ = 0;
};

}  // namespace quandex::cli
