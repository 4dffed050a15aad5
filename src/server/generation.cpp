#include "server/generation.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "server/api/api_error.h"

namespace quandex::server {
namespace {

class ChatForm final : public AnswerForm {
 public:
  std::string_view chunk_object() const override { return "chat.completion.chunk"; }
  Json whole(const AnswerHead& head, std::vector<std::unique_ptr<Choice>> choices, const Usage& usage,
             const Effective& effective) const override {
    std::vector<ChatChoice> parts;
    for (auto& choice : choices) parts.push_back(std::move(dynamic_cast<ChatAnswerChoice&>(*choice)).whole());
    return chat_completion(head, parts, usage, effective);
  }
};

class TextForm final : public AnswerForm {
 public:
  std::string_view chunk_object() const override { return "text_completion"; }
  Json whole(const AnswerHead& head, std::vector<std::unique_ptr<Choice>> choices, const Usage& usage,
             const Effective& effective) const override {
    std::vector<CompletionChoice> parts;
    for (auto& choice : choices) parts.push_back(std::move(dynamic_cast<TextAnswerChoice&>(*choice)).whole());
    return text_completion(head, parts, usage, effective);
  }
};

SampledToken kept(int32_t id, std::optional<float> logprob, std::span<const TokenLogprob> top) {
  return {id, logprob, {top.begin(), top.end()}};
}

}  // namespace

const AnswerForm& chat_form() {
  static const ChatForm form;
  return form;
}

const AnswerForm& text_form() {
  static const TextForm form;
  return form;
}

// Where the events of one sequence come in.
class Generation::Inlet final : public EventReceiver {
 public:
  Inlet(std::shared_ptr<Generation> generation, size_t choice) : generation_(std::move(generation)), choice_(choice) {}

  void on_event(const Event& event) override {
    KeptEvent kept_event{choice_, Clock::now(), {}};
    if (const auto* token = std::get_if<Token>(&event)) {
      kept_event.what = kept(token->id, token->logprob, token->top);
    } else if (const auto* prompt = std::get_if<PromptToken>(&event)) {
      kept_event.what = KeptPromptToken{kept(prompt->id, prompt->logprob, prompt->top)};
    } else if (const auto* end = std::get_if<Finished>(&event)) {
      kept_event.what = KeptFinish{end->reason, end->n_cached, end->n_output, end->cache_break};
    } else {
      kept_event.what = std::get<Error>(event);
    }
    generation_->receive(std::move(kept_event));
  }

 private:
  const std::shared_ptr<Generation> generation_;
  const size_t choice_;
};

void Generation::start(const GenerationParts& parts, std::shared_ptr<Exchange> exchange, GenerationPlan plan) {
  std::make_shared<Generation>(parts, std::move(exchange), std::move(plan))->submit();
}

Generation::Generation(const GenerationParts& parts, std::shared_ptr<Exchange> exchange, GenerationPlan plan)
    : parts_(parts),
      exchange_(std::move(exchange)),
      plan_(std::move(plan)),
      has_ended_(plan_.choices.size()),
      last_token_(plan_.choices.size()) {}

void Generation::submit() {
  std::vector<EngineThread::Submission> submissions;
  for (size_t i = 0; i < plan_.choices.size(); ++i) {
    choices_.push_back(std::move(plan_.choices[i].choice));
    submissions.push_back({std::move(plan_.choices[i].request), std::make_shared<Inlet>(shared_from_this(), i)});
  }
  plan_.choices.clear();
  {
    const std::lock_guard lock(tickets_mutex_);
    auto tickets = parts_.engine.submit(std::move(submissions));
    if (!tickets) {
      parts_.metrics.note_generation("rejected", 0);
      throw ApiError(503, "the server is busy: its queue of requests is full")
          .with_code("server_overloaded")
          .with_header("Retry-After", std::to_string(parts_.engine.retry_after_seconds()));
    }
    tickets_ = std::move(*tickets);
  }
  exchange_->on_gone([weak = weak_from_this()] {
    if (const auto generation = weak.lock()) generation->cancel_all();
  });
}

void Generation::cancel_all() {
  const std::lock_guard lock(tickets_mutex_);
  for (const uint64_t ticket : tickets_) parts_.engine.cancel(ticket);
}

void Generation::receive(KeptEvent event) {
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(event));
    if (std::exchange(is_scheduled_, true)) return;
  }
  parts_.work.post([self = shared_from_this()] { self->work(); }, true);
}

void Generation::work() {
  while (true) {
    std::vector<KeptEvent> events;
    {
      const std::lock_guard lock(inbox_mutex_);
      events = std::exchange(inbox_, {});
      if (events.empty()) {
        is_scheduled_ = false;
        return;
      }
    }
    try {
      for (KeptEvent& event : events) handle(event);
    } catch (const std::exception& error) {
      cancel_all();
      fail(Error(ErrorCode::device, "{}", error.what()));
    }
  }
}

void Generation::handle(KeptEvent& event) {
  if (is_done_) return;
  if (const auto* token = std::get_if<SampledToken>(&event.what)) {
    handle_token(event.choice, *token, event.at);
  } else if (const auto* prompt = std::get_if<KeptPromptToken>(&event.what)) {
    dynamic_cast<TextAnswerChoice&>(*choices_[event.choice]).push_prompt(prompt->token);
  } else if (const auto* finish = std::get_if<KeptFinish>(&event.what)) {
    handle_finish(event.choice, *finish);
  } else {
    cancel_all();  // an answer that lacks a choice is none
    fail(std::get<Error>(event.what));
  }
}

void Generation::handle_token(size_t index, const SampledToken& token, Clock::time_point at) {
  if (has_ended_[index]) return;
  if (!std::exchange(has_first_token_, true)) {
    first_token_ = at;
    parts_.metrics.note_first_token(seconds_since_start(at));
  }
  if (last_token_[index] != Clock::time_point{})
    parts_.metrics.note_gap(std::chrono::duration<double>(at - last_token_[index]).count());
  last_token_[index] = at;
  Choice& choice = *choices_[index];
  choice.push(token);
  send_news(choice);
  if (!choice.is_ended()) return;
  const std::lock_guard lock(tickets_mutex_);
  parts_.engine.cancel(tickets_[index]);  // a stop string: the engine does not know
}

void Generation::handle_finish(size_t index, const KeptFinish& finish) {
  if (has_ended_[index]) return;
  Choice& choice = *choices_[index];
  if (finish.reason == FinishReason::cancelled && !choice.is_ended()) {  // the client has gone
    is_done_ = true;
    log("cancelled");
    return;
  }
  // The first choice of each prompt tells, for prompts are counted once: the others find what it computed.
  if (index % static_cast<size_t>(plan_.n_choices) == 0) n_cached_ += finish.n_cached;
  if (finish.cache_break && plan_.effective.cache.is_null()) plan_.effective.cache = cache_report(finish);
  if (finish.reason == FinishReason::stop && !choice.is_ended()) choice.count_end_token();
  choice.end(finish.reason == FinishReason::length ? EndReason::length : EndReason::stop);
  end_choice(index);
}

void Generation::end_choice(size_t index) {
  has_ended_[index] = true;
  send_news(*choices_[index]);
  if (++n_ended_ == choices_.size()) complete();
}

// Nothing is sent before there is something to show: a client that measures the time to the first event measures the
// model, and whatever goes wrong before it has a status of its own.
void Generation::send_news(Choice& choice) {
  if (!plan_.is_stream) return;
  std::optional<Json> chunk = choice.take_chunk(plan_.head, plan_.include_usage);
  if (!chunk) return;
  if (!std::exchange(has_begun_, true)) {
    Headers headers = plan_.headers;
    headers.emplace_back("content-type", "text/event-stream; charset=utf-8");
    headers.emplace_back("cache-control", "no-cache");
    headers.emplace_back("x-accel-buffering", "no");
    exchange_->begin_stream({200, std::move(headers), {}});
    (*chunk)["quandex"] = effective_json(plan_.effective);
  }
  exchange_->write(sse_event(*chunk));
}

void Generation::complete() {
  is_done_ = true;
  plan_.effective.timings = timings();
  const Usage used = usage();
  log(finish_reason_name(choices_.front()->reason()));
  if (plan_.is_stream) {
    if (plan_.include_usage)
      exchange_->write(sse_event(usage_chunk(plan_.head, plan_.form.chunk_object(), used, plan_.effective)));
    exchange_->write(std::string(kSseDone));
    return exchange_->end_stream();
  }
  const Json answer = plan_.form.whole(plan_.head, std::move(choices_), used, plan_.effective);
  Headers headers = plan_.headers;
  headers.emplace_back("content-type", "application/json");
  exchange_->respond({200, std::move(headers), answer.dump(-1, ' ', false, Json::error_handler_t::replace)});
}

void Generation::fail(const Error& error) {
  if (std::exchange(is_done_, true)) return;
  log("error");
  LOG(error, "generate", "id={} {}", exchange_->head().id, error.what());
  const ApiError told = api_error_of(error);
  if (!has_begun_) {
    Response response = error_response(told);
    response.headers.insert(response.headers.end(), plan_.headers.begin(), plan_.headers.end());
    return exchange_->respond(std::move(response));
  }
  exchange_->write(sse_event(error_body(told)));
  exchange_->end_stream();
}

double Generation::seconds_since_start(Clock::time_point at) const {
  return std::chrono::duration<double>(at - plan_.received).count();
}

Usage Generation::usage() const {
  Usage used{plan_.n_prompt, n_cached_, 0, 0};
  for (const auto& choice : choices_) {
    used.n_completion += choice->n_tokens();
    used.n_reasoning += choice->n_reasoning();
  }
  return used;
}

Json Generation::timings() const {
  const double total = seconds_since_start(Clock::now());
  if (!has_first_token_) return {{"total_seconds", total}};
  const double first = seconds_since_start(first_token_);
  const int n_decoded = usage().n_completion - static_cast<int>(choices_.size());
  Json timings{{"time_to_first_token_seconds", first}, {"total_seconds", total}};
  if (n_decoded > 0) timings["tokens_per_second"] = n_decoded / (total - first);
  return timings;
}

Json Generation::cache_report(const KeptFinish& finish) const {
  const auto text_of = [this](int32_t token) {
    std::string text;
    parts_.model.tokenizer().append(token, text, true);
    return text;
  };
  const CacheBreak& at = *finish.cache_break;
  Json report{{"cached_tokens", finish.n_cached}, {"broke_at", at.position}, {"token", at.token},
              {"text", text_of(at.token)},        {"cached_token", nullptr}, {"cached_text", nullptr}};
  if (at.cached) {
    report["cached_token"] = *at.cached;
    report["cached_text"] = text_of(*at.cached);
  }
  return report;
}

void Generation::log(std::string_view outcome) const {
  const double seconds = seconds_since_start(Clock::now());
  const Usage used = usage();
  parts_.metrics.note_generation(outcome, seconds);
  const bool is_prompt_read = has_first_token_ || n_ended_ > 0;  // else it may not have had its turn at all
  parts_.metrics.note_tokens(is_prompt_read ? static_cast<uint64_t>(used.n_prompt) : 0,
                             static_cast<uint64_t>(used.n_cached), static_cast<uint64_t>(used.n_completion));
  LOG(info, "generate",
      "id={} outcome={} prompt_tokens={} cached_tokens={} completion_tokens={} first_token_ms={:.1f} seconds={:.3f}",
      exchange_->head().id, outcome, used.n_prompt, used.n_cached, used.n_completion,
      has_first_token_ ? 1000 * seconds_since_start(first_token_) : 0, seconds);
}

}  // namespace quandex::server
