#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

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

TEST(ThreadPool, default_thread_count_is_positive) { EXPECT_GE(default_thread_count(), 1); }

}  // namespace
}  // namespace quandex
