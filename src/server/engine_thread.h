// The engine on a thread of its own. Other threads hand requests in and get events back; nothing else is shared. The
// engine must not be used by anybody else while this exists.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace quandex::server {

// Gets the events of one request, on the engine's thread: it passes them on and returns, for every sequence waits for
// it. It must not throw.
class EventReceiver {
 public:
  virtual ~EventReceiver() = default;
  virtual void on_event(const Event& event) = 0;  // the last one is a Finished or an Error
};

struct EngineThreadOptions {
  int most_waiting = 256;  // requests beyond those that can be computed at once; further ones are turned away
};

struct EngineThreadStatus {
  EngineStatus engine;
  int n_unread = 0;            // requests handed in that the engine has not taken yet
  bool has_failed = false;     // the last step ended with an error
  double request_seconds = 0;  // from when a request is taken to its end, on average of late
};

class EngineThread {
 public:
  struct Submission {
    Request request;
    std::shared_ptr<EventReceiver> receiver;
  };
  // Called after each step, on the engine's thread.
  using OnStep = std::function<void(const EngineStatus& status, double seconds)>;

  EngineThread(Engine& engine, const EngineThreadOptions& options, OnStep on_step = {});
  ~EngineThread();  // as stop()
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Queues all of the requests or, where they are too many, none of them; then nothing is returned. The tickets are for
  // cancel(). Throws Error{invalid_argument} for a request that can never be honoured.
  std::optional<std::vector<uint64_t>> submit(std::vector<Submission> submissions);

  // The request ends before the next step. One that has ended already is ignored.
  void cancel(uint64_t ticket);

  // What submit() can ever take at once: running and waiting.
  size_t most_requests() const {
    return static_cast<size_t>(engine_.options().max_sequences) + static_cast<size_t>(options_.most_waiting);
  }

  EngineThreadStatus status() const;
  int retry_after_seconds() const;  // when to come again after being turned away: a guess, 1 to 60

  // Ends every request with this error, takes no more, and joins the thread.
  void stop(const Error& reason);

 private:
  using Clock = std::chrono::steady_clock;
  struct Active {
    std::shared_ptr<EventReceiver> receiver;
    uint64_t engine_id = 0;
    Clock::time_point started;
  };
  struct Inbox {
    std::vector<std::pair<uint64_t, Submission>> submissions;
    std::vector<uint64_t> cancelled;
    bool is_empty() const { return submissions.empty() && cancelled.empty(); }
  };

  void run();
  bool read_inbox();  // waits where there is nothing else to do; false: the end has come
  void take(Inbox inbox);
  void step();
  bool pass_on(uint64_t engine_id, const Event& event);
  void end(uint64_t ticket, const Event& event);
  void end_all(const Error& error);

  Engine& engine_;
  const EngineThreadOptions options_;
  const OnStep on_step_;

  mutable std::mutex mutex_;  // guards what follows up to the next comment
  std::condition_variable wake_;
  Inbox inbox_;
  uint64_t n_tickets_ = 0;
  int n_unfinished_ = 0;  // queued or active
  std::optional<Error> stop_reason_;
  EngineThreadStatus status_;

  // The engine's thread alone.
  std::unordered_map<uint64_t, Active> active_;       // by ticket
  std::unordered_map<uint64_t, uint64_t> ticket_of_;  // by the engine's number

  std::thread thread_;
};

}  // namespace quandex::server
