#include "server/engine_thread.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <utility>

#include "base/log.h"

namespace quandex::server {

EngineThread::EngineThread(Engine& engine, const EngineThreadOptions& options, OnStep on_step)
    : engine_(engine), options_(options), on_step_(std::move(on_step)) {
  status_.engine = engine_.status();
  thread_ = std::thread([this] { run(); });
}

EngineThread::~EngineThread() { stop(Error(ErrorCode::unavailable, "the server has stopped")); }

std::optional<std::vector<uint64_t>> EngineThread::submit(std::vector<Submission> submissions) {
  for (const Submission& submission : submissions) engine_.check(submission.request);
  std::vector<uint64_t> tickets;
  tickets.reserve(submissions.size());
  {
    const std::lock_guard lock(mutex_);
    if (stop_reason_) throw *stop_reason_;
    if (static_cast<size_t>(n_unfinished_) + submissions.size() > most_requests()) return std::nullopt;
    n_unfinished_ += static_cast<int>(submissions.size());
    for (Submission& submission : submissions) {
      tickets.push_back(++n_tickets_);
      inbox_.submissions.emplace_back(n_tickets_, std::move(submission));
    }
  }
  wake_.notify_one();
  return tickets;
}

void EngineThread::cancel(uint64_t ticket) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.cancelled.push_back(ticket);
  }
  wake_.notify_one();
}

EngineThreadStatus EngineThread::status() const {
  const std::lock_guard lock(mutex_);
  EngineThreadStatus status = status_;
  status.n_unread = static_cast<int>(inbox_.submissions.size());
  return status;
}

int EngineThread::retry_after_seconds() const {
  const std::lock_guard lock(mutex_);
  // Requests that ended of late came through the whole queue: half of it is free after half of their time.
  return static_cast<int>(std::clamp(std::ceil(status_.request_seconds / 2), 1.0, 60.0));
}

void EngineThread::stop(const Error& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_reason_) stop_reason_ = reason;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EngineThread::run() {
  while (read_inbox()) {
    if (engine_.has_work()) step();
  }
  std::optional<Error> reason;
  Inbox rest;
  {
    const std::lock_guard lock(mutex_);
    reason = stop_reason_;
    rest = std::exchange(inbox_, {});
  }
  for (const auto& [ticket, submission] : rest.submissions) submission.receiver->on_event(*reason);
  end_all(*reason);
}

bool EngineThread::read_inbox() {
  Inbox inbox;
  {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stop_reason_ || !inbox_.is_empty() || engine_.has_work(); });
    if (stop_reason_) return false;
    if (inbox_.is_empty()) return true;
    inbox = std::exchange(inbox_, {});
  }
  take(std::move(inbox));
  return true;
}

void EngineThread::take(Inbox inbox) {
  for (auto& [ticket, submission] : inbox.submissions) {
    const bool is_cancelled = std::ranges::find(inbox.cancelled, ticket) != inbox.cancelled.end();
    active_[ticket] = {std::move(submission.receiver), 0, Clock::now()};
    if (is_cancelled) {
      end(ticket, Finished{FinishReason::cancelled, 0, 0, 0, std::nullopt});
      continue;
    }
    try {
      const uint64_t id = engine_.submit(std::move(submission.request));
      active_[ticket].engine_id = id;
      ticket_of_[id] = ticket;
    } catch (const Error& error) {
      end(ticket, error);
    } catch (const std::exception& error) {
      end(ticket, Error(ErrorCode::out_of_memory, "{}", error.what()));
    }
  }
  for (const uint64_t ticket : inbox.cancelled) {
    const auto found = active_.find(ticket);
    if (found != active_.end()) engine_.cancel(found->second.engine_id);
  }
  const EngineStatus engine_status = engine_.status();
  const std::lock_guard lock(mutex_);
  status_.engine = engine_status;  // what was taken waits now: it is not gone until the step has ended
}

void EngineThread::step() {
  const auto start = Clock::now();
  bool has_failed = false;
  const auto on_event = [&](uint64_t id, const Event& event) {
    const auto* error = std::get_if<Error>(&event);
    has_failed = has_failed || (error && error->code() == ErrorCode::device);
    return pass_on(id, event);
  };
  try {
    engine_.step(on_event);
  } catch (const std::exception& error) {  // nothing that the engine foresees; its requests cannot be trusted to go on
    LOG(error, "engine", "a step failed: {}", error.what());
    has_failed = true;
    for (const auto& [id, ticket] : ticket_of_) engine_.cancel(id);
    end_all(Error(ErrorCode::device, "{}", error.what()));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const EngineStatus engine_status = engine_.status();
  {
    const std::lock_guard lock(mutex_);
    status_.engine = engine_status;
    status_.has_failed = has_failed;
  }
  if (on_step_) on_step_(engine_status, seconds);
}

bool EngineThread::pass_on(uint64_t engine_id, const Event& event) {
  const auto found = ticket_of_.find(engine_id);
  if (found == ticket_of_.end()) return false;  // ended by an unforeseen failure
  if (std::holds_alternative<Finished>(event) || std::holds_alternative<Error>(event)) {
    end(found->second, event);
  } else {
    active_.at(found->second).receiver->on_event(event);
  }
  return true;
}

void EngineThread::end(uint64_t ticket, const Event& event) {
  const auto found = active_.find(ticket);
  const Active active = std::move(found->second);
  active_.erase(found);
  ticket_of_.erase(active.engine_id);
  {
    const std::lock_guard lock(mutex_);
    --n_unfinished_;
    const double seconds = std::chrono::duration<double>(Clock::now() - active.started).count();
    double& average = status_.request_seconds;
    average += average == 0 ? seconds : (seconds - average) / 8;
  }
  active.receiver->on_event(event);
}

void EngineThread::end_all(const Error& error) {
  while (!active_.empty()) end(active_.begin()->first, error);
}

}  // namespace quandex::server
