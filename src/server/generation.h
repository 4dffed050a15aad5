// One request for generated text, from its prompts to the last byte of its answer. The engine's events come in on the
// engine's thread, become text on the work pool, one batch at a time, and leave through the exchange. The client going
// away cancels what is left.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "server/api/answers.h"
#include "server/choice.h"
#include "server/engine_thread.h"
#include "server/http/http_message.h"
#include "server/metrics.h"
#include "server/served_model.h"
#include "server/work_pool.h"

namespace quandex::server {

struct GenerationParts {
  const ServedModel& model;
  EngineThread& engine;
  WorkPool& work;
  Metrics& metrics;
};

// A sequence to be computed, and the choice that it becomes.
struct PlannedChoice {
  Request request;
  std::unique_ptr<Choice> choice;
};

// What a generation does with its choices, by endpoint.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  virtual std::string_view chunk_object() const = 0;
  virtual Json whole(const AnswerHead& head, std::vector<std::unique_ptr<Choice>> choices, const Usage& usage,
                     const Effective& effective) const = 0;
};
const AnswerForm& chat_form();
const AnswerForm& text_form();

struct GenerationPlan {
  AnswerHead head;
  const AnswerForm& form;
  std::vector<PlannedChoice> choices;
  int n_prompt = 0;   // tokens of all prompts, each counted once
  int n_choices = 1;  // of each prompt
  bool is_stream = false, include_usage = false;
  Effective effective;
  Headers headers;                                 // of the answer, besides its type
  std::chrono::steady_clock::time_point received;  // when the request had been read
};

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  // Throws ApiError: 503 with Retry-After where the engine's queue is full, 400 for what can never be computed.
  static void start(const GenerationParts& parts, std::shared_ptr<Exchange> exchange, GenerationPlan plan);

  Generation(const GenerationParts& parts, std::shared_ptr<Exchange> exchange, GenerationPlan plan);

 private:
  using Clock = std::chrono::steady_clock;
  struct KeptPromptToken {
    SampledToken token;
  };
  struct KeptFinish {
    FinishReason reason;
    int n_cached, n_output;
    std::optional<CacheBreak> cache_break;
  };
  struct KeptEvent {
    size_t choice;
    Clock::time_point at;
    std::variant<SampledToken, KeptPromptToken, KeptFinish, Error> what;
  };
  class Inlet;

  void submit();
  void receive(KeptEvent event);  // on the engine's thread
  void work();                    // on the pool, never twice at once
  void handle(KeptEvent& event);
  void handle_token(size_t index, const SampledToken& token, Clock::time_point at);
  void handle_finish(size_t index, const KeptFinish& finish);
  void send_news(Choice& choice);
  void end_choice(size_t index);
  void complete();
  void fail(const Error& error);
  void cancel_all();
  void log(std::string_view outcome) const;
  double seconds_since_start(Clock::time_point at) const;
  Usage usage() const;
  Json timings() const;
  Json cache_report(const KeptFinish& finish) const;

  const GenerationParts parts_;
  const std::shared_ptr<Exchange> exchange_;
  GenerationPlan plan_;
  std::vector<std::unique_ptr<Choice>> choices_;
  std::mutex tickets_mutex_;  // the client may go while submit() runs
  std::vector<uint64_t> tickets_;

  std::mutex inbox_mutex_;
  std::vector<KeptEvent> inbox_;
  bool is_scheduled_ = false;  // work() is posted or runs

  // Of the pool's thread that runs work().
  std::vector<bool> has_ended_;
  std::vector<Clock::time_point> last_token_;
  size_t n_ended_ = 0;
  int n_cached_ = 0;
  Clock::time_point first_token_{};
  bool has_first_token_ = false, has_begun_ = false, is_done_ = false;
};

}  // namespace quandex::server
