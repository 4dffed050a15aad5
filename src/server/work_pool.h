// Threads for what takes a while and belongs neither on an I/O thread nor on the engine's: parsing bodies, templates,
// tokenizing, and making text of tokens.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace quandex::server {

class WorkPool {
 public:
  explicit WorkPool(int n_threads);
  ~WorkPool();  // as stop()
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // Runs `task`, which must not throw, on one of the threads, in order of posting. Tasks posted with `is_short` come
  // before all others: a token on its way to a client does not wait for somebody's long prompt.
  void post(std::function<void()> task, bool is_short = false);

  // Runs what has been posted and joins the threads; tasks that are posted later are dropped. Not to be called by a
  // task.
  void stop();

  size_t n_waiting() const;

 private:
  void run(bool takes_long);

  mutable std::mutex mutex_;
  std::condition_variable wake_;        // of the threads that take any task
  std::condition_variable wake_short_;  // of the one that takes short ones
  bool is_short_idle_ = false;          // it waits, and nobody has woken it yet
  std::deque<std::function<void()>> short_, long_;
  bool is_ending_ = false, has_stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace quandex::server
