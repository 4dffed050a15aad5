// A pool of worker threads for compute steps. A step runs one function on every worker at once (worker 0 is the calling
// thread); inside it workers meet at barriers and spin there, because the work between two barriers is microseconds.
// Between steps the workers sleep. The owner passes the pool to whoever computes; there is no global pool.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.h"

namespace quandex {

class ThreadPool {
 public:
  // n_threads >= 1, the calling thread included. Throws Error{out_of_memory} where the system gives fewer.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return n_threads_; }

  // Runs work(worker) on all workers, 0 <= worker < n_threads(), and returns when all have returned. The function must
  // not throw. Called by one thread at a time.
  void run(FunctionRef<void(int worker)> work);

  // To be called by every worker of a running step: returns when all have arrived.
  void barrier();

 private:
  void worker_loop(int worker);
  void stop();  // ends and joins the workers

  const int n_threads_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards step_, stopping_ and work_
  std::condition_variable wake_;
  uint64_t step_ = 0;
  bool stopping_ = false;
  const FunctionRef<void(int)>* work_ = nullptr;
  std::atomic<int> arrived_{0};
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint64_t> step_hint_{0};  // mirrors step_, so that a waiting worker can spin briefly before it sleeps
};

// Threads worth using by default: the physical cores that the affinity mask and the cgroup's CPU quota allow, >= 1.
int default_thread_count();

}  // namespace quandex
