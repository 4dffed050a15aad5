#include "base/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

// Long enough to cover the gap between two decode steps, short enough that an idle engine burns nothing.
constexpr int kSpinsBeforeSleep = 20000;
// Longer than two workers' shares of an operation should differ (some 50 microseconds).
constexpr int kSpinsBeforeYield = 1000;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Threads that start while it lives take no signals: those belong to the thread that waits for them, whose waiting they
// end. Faults of a thread itself stay its own.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  CHECK(n_threads >= 1);
  threads_.reserve(static_cast<size_t>(n_threads - 1));
  try {
    const SignalsBlocked while_starting;
    for (int worker = 1; worker < n_threads; ++worker) threads_.emplace_back([this, worker] { worker_loop(worker); });
  } catch (const std::system_error& error) {
    const size_t n_started = threads_.size() + 1;
    stop();  // no destructor runs, and those that have started wait
    throw Error(ErrorCode::out_of_memory, "the system gives {} of {} threads: {}", n_started, n_threads,
                error.code().message());
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    step_hint_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(FunctionRef<void(int)> work) {
  if (n_threads_ == 1) return work(0);
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    ++step_;
    step_hint_.store(step_, std::memory_order_release);
  }
  wake_.notify_all();
  work(0);
  barrier();
}

void ThreadPool::barrier() {
  if (n_threads_ == 1) return;
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == n_threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    return;
  }
  for (int spins = 0; generation_.load(std::memory_order_acquire) == generation; ++spins) {
    // More runnable threads than cores: the one we wait for may need ours.
    if (spins < kSpinsBeforeYield)
      pause_briefly();
    else
      std::this_thread::yield();
  }
}

void ThreadPool::worker_loop(int worker) {
  uint64_t seen = 0;
  while (true) {
    for (int spins = 0; spins < kSpinsBeforeSleep && step_hint_.load(std::memory_order_acquire) == seen; ++spins)
      pause_briefly();
    const FunctionRef<void(int)>* work = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || step_ != seen; });
      if (stopping_) return;
      seen = step_;
      work = work_;
    }
    (*work)(worker);
    barrier();
  }
}

}  // namespace quandex
