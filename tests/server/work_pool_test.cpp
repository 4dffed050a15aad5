#include "server/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace quandex::server {
namespace {

TEST(WorkPool, RunsWhatHasBeenPostedBeforeItEnds) {
  std::atomic<int> n_run{0};
  {
    WorkPool pool(3);
    for (int i = 0; i < 500; ++i) pool.post([&] { ++n_run; }, i % 2 == 0);
  }
  EXPECT_EQ(n_run, 500);
}

TEST(WorkPool, NothingRunsOnceItHasStopped) {
  std::atomic<int> n_run{0};
  WorkPool pool(2);
  for (int i = 0; i < 100; ++i) pool.post([&] { ++n_run; });
  pool.stop();
  EXPECT_EQ(n_run, 100);
  for (const bool is_short : {false, true}) pool.post([&] { ++n_run; }, is_short);
  EXPECT_EQ(pool.n_waiting(), 0u);
  pool.stop();
  EXPECT_EQ(n_run, 100);
}

TEST(WorkPool, ShortTasksAreNotHeldUpByLongOnes) {
  WorkPool pool(2);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (int i = 0; i < 8; ++i) pool.post([released] { released.wait(); });
  std::promise<void> done;
  pool.post([&] { done.set_value(); }, true);
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  release.set_value();
}

TEST(WorkPool, TasksMayPostTasks) {
  std::atomic<int> n_run{0};
  WorkPool pool(2);
  std::promise<void> done;
  pool.post([&] {
    ++n_run;
    pool.post(
        [&] {
          ++n_run;
          done.set_value();
        },
        true);
  });
  done.get_future().wait();
  EXPECT_EQ(n_run, 2);
}

}  // namespace
}  // namespace quandex::server
