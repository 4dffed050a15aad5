#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace quandex {
namespace {

TEST(ThreadPool, every_worker_runs_each_step_once) {
  for (const int n_threads : {1, 2, 3, 5}) {
    ThreadPool pool(n_threads);
    std::vector<int> runs(static_cast<size_t>(n_threads), 0);
    for (int step = 0; step < 200; ++step) pool.run([&](int worker) { ++runs[static_cast<size_t>(worker)]; });
    for (const int n : runs) EXPECT_EQ(n, 200);
  }
}

TEST(ThreadPool, barrier_separates_phases) {
  ThreadPool pool(3);
  std::atomic<int> arrived{0};
  std::atomic<bool> wrong{false};
  pool.run([&](int) {
    for (int phase = 1; phase <= 300; ++phase) {
      arrived.fetch_add(1);
      pool.barrier();
      if (arrived.load() != 3 * phase) wrong = true;
      pool.barrier();
    }
  });
  EXPECT_FALSE(wrong);
}

TEST(ThreadPoolDeathTest, threads_that_the_system_does_not_give_are_an_error) {
  if (!QUANDEX_CAN_LIMIT_ADDRESS_SPACE) GTEST_SKIP() << "sanitizers and qemu map more than any limit";
  const auto start_too_many = [] {  // in a child process, since the limit stays
    const rlimit limit{rlim_t{1} << 30, rlim_t{1} << 30};
    setrlimit(RLIMIT_AS, &limit);
    try {
      const ThreadPool pool(4096);
    } catch (const Error& error) {
      std::exit(error.code() == ErrorCode::out_of_memory ? 7 : 8);
    }
    std::exit(9);
  };
  EXPECT_EXIT(start_too_many(), testing::ExitedWithCode(7), "");
}

TEST(ThreadPool, default_thread_count_is_positive) { EXPECT_GE(default_thread_count(), 1); }

}  // namespace
}  // namespace quandex
