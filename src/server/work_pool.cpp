#include "server/work_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace quandex::server {

// One thread is kept for short tasks, so that long ones, all at once, hold none of them up.
WorkPool::WorkPool(int n_threads) {
  CHECK(n_threads >= 2);
  for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this, takes_long = i > 0] { run(takes_long); });
}

WorkPool::~WorkPool() { stop(); }

void WorkPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  wake_short_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::deque<std::function<void()>> rest;  // posted while the last thread ended; destroyed without the lock
  {
    const std::lock_guard lock(mutex_);
    has_stopped_ = true;
    rest.swap(short_);
    std::ranges::move(long_, std::back_inserter(rest));
    long_.clear();
  }
}

void WorkPool::post(std::function<void()> task, bool is_short) {
  bool for_short = false;
  {
    const std::lock_guard lock(mutex_);
    if (has_stopped_) return;
    (is_short ? short_ : long_).push_back(std::move(task));
    for_short = is_short && std::exchange(is_short_idle_, false);
  }
  (for_short ? wake_short_ : wake_).notify_one();  // one that is busy looks again when it is done
}

size_t WorkPool::n_waiting() const {
  const std::lock_guard lock(mutex_);
  return short_.size() + long_.size();
}

void WorkPool::run(bool takes_long) {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto is_wanted = [&] { return is_ending_ || !short_.empty() || (takes_long && !long_.empty()); };
    while (!is_wanted()) {
      if (!takes_long) is_short_idle_ = true;
      (takes_long ? wake_ : wake_short_).wait(lock);
    }
    if (!takes_long) is_short_idle_ = false;
    std::deque<std::function<void()>>& queue = !short_.empty() ? short_ : long_;
    if (queue.empty() || (&queue == &long_ && !takes_long)) return;  // ending, and nothing left for this thread
    std::function<void()> task = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds goes without the lock
    lock.lock();
  }
}

}  // namespace quandex::server
